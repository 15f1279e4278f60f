"""The recipes in clusters/: their fields exist, they agree with each other, and the study knows their commands."""

import json
import os
import re
import shlex
import stat
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import tyro
import yaml

from scaling.study.options import Options

ROOT = Path(__file__).resolve().parents[2]
CLUSTERS = ROOT / "clusters"
RAY = re.search(r"^ray==(.+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE).group(1)
LAUNCHER = ["aws.yaml", "gcp.yaml"]
KUBERAY = ["kuberay/rayjob.yaml", "kuberay/raycluster.yaml"]
RECIPES = [*LAUNCHER, *KUBERAY, "slurm.sbatch"]

# Read and not imported, which takes seconds.
MLFLOW = Path(find_spec("mlflow").origin).parent
MLFLOW_FLAGS = {
    flag
    for source in ("cli/__init__.py", "utils/cli_args.py")
    for flag in re.findall(r'"(--[a-z-]+)"', (MLFLOW / source).read_text())
}

# What 8 V100, 14 days from scratch and a third of the steps when initialized make of 8 + 8 runs.
GPU_HOURS = 8 * (8 * 14 * 24) + 8 * (8 * 14 * 24 * 200_000 // 600_000)

# The fields of KubeRay 1.6.2 (its API reference).
FIELDS = {
    "RayJob": """activeDeadlineSeconds backoffLimit rayClusterSpec submitterPodTemplate metadata clusterSelector
        submitterConfig managedBy deletionStrategy entrypoint runtimeEnvYAML jobId submissionMode entrypointResources
        entrypointNumCpus entrypointNumGpus ttlSecondsAfterFinished preRunningDeadlineSeconds shutdownAfterJobFinishes
        suspend""",
    "RayCluster": """upgradeStrategy authOptions suspend managedBy autoscalerOptions headServiceAnnotations
        enableInTreeAutoscaling gcsFaultToleranceOptions headGroupSpec rayVersion workerGroupSpecs""",
    "head": "template headService enableIngress resources labels rayStartParams serviceType",
    "workers": """suspend groupName replicas minReplicas maxReplicas idleTimeoutSeconds resources labels rayStartParams
        template scaleStrategy numOfHosts""",
}


class Command(NamedTuple):
    """How a recipe starts the study: its script, its options, and the folder that the nodes must share."""

    script: Path
    options: Options
    shared: str


def study(command: str) -> Command:
    """What a command starts, its options read as the study itself reads them."""
    words = shlex.split(command)
    script = next(index for index, word in enumerate(words) if word.endswith("data_scale.py"))
    assert words[script - 1] == "python"
    options = tyro.cli(Options, args=words[script + 1 :])
    options.check()
    assert options.out is not None
    assert Path(options.out).is_absolute()
    return Command(Path(words[script]), options, str(Path(options.out).parent))


def documents(name: str) -> list[dict[str, Any]]:
    """The documents of a recipe."""
    return list(yaml.safe_load_all((CLUSTERS / name).read_text()))


def kinds(name: str) -> dict[str, dict[str, Any]]:
    """The documents of a Kubernetes recipe by their kind."""
    return {document["kind"]: document for document in documents(name)}


def ray_cluster(name: str) -> dict[str, Any]:
    """The specification of the Ray cluster in a KubeRay recipe."""
    spec: dict[str, Any] = documents(name)[0]["spec"]
    return spec.get("rayClusterSpec", spec)


def pods(name: str) -> list[dict[str, Any]]:
    """The pods of a KubeRay recipe: the head's, then one a worker group."""
    spec = ray_cluster(name)
    return [group["template"]["spec"] for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"])]


def told(name: str) -> str:
    """The one `ray job submit` that the head of a recipe tells."""
    comments = "\n".join(line[1:] for line in (CLUSTERS / name).read_text().splitlines() if line.startswith("#"))
    (command,) = re.findall(r"^ *(ray job submit .*)$", comments.replace("\\\n", " "), re.MULTILINE)
    return str(command)


def entrypoint(name: str) -> str:
    """How a KubeRay recipe starts the study."""
    (document,) = documents(name)
    return str(document["spec"]["entrypoint"]) if document["kind"] == "RayJob" else told(name)


@pytest.mark.parametrize("name", [*RECIPES, "Dockerfile", "kuberay/mlflow.yaml"])
def test_names_the_ray_of_the_constraints_and_no_other(name: str) -> None:
    text = (CLUSTERS / name).read_text()
    versions = re.findall(r"(?i)\bray(?:version)?[ :=\"-]+v?(\d+\.\d+\.\d+)", text)
    assert set(versions) <= {RAY}
    assert versions or name == "slurm.sbatch"


@pytest.mark.parametrize("name", RECIPES)
def test_says_what_the_papers_grid_costs(name: str) -> None:
    text = (CLUSTERS / name).read_text()
    assert f"{GPU_HOURS:,} V100 GPU-hours, {GPU_HOURS // 8:,} hours of an 8-GPU node" in text


def test_the_index_names_every_recipe_and_the_arithmetic() -> None:
    text = (CLUSTERS / "README.md").read_text()
    files = {str(path.relative_to(CLUSTERS)) for path in CLUSTERS.rglob("*") if path.is_file()} - {"README.md"}
    assert set(re.findall(r"\]\(([\w./]+)\)", text)) == files
    assert f"= {GPU_HOURS:,} GPU-hours = {GPU_HOURS // 8:,} hours" in text
    assert f"28,672 x 2.00 = {GPU_HOURS * 2:,}" in text
    for command in re.findall(r"ray job submit .*--out.*", text):
        study(command)


@pytest.mark.parametrize("name", KUBERAY)
def test_kuberay_fields_exist(name: str) -> None:
    (document,) = documents(name)
    spec = ray_cluster(name)
    assert set(document) == {"apiVersion", "kind", "metadata", "spec"}
    assert document["apiVersion"] == "ray.io/v1"
    assert set(document["spec"]) <= set(FIELDS[document["kind"]].split())
    assert set(spec) <= set(FIELDS["RayCluster"].split())
    assert set(spec["headGroupSpec"]) <= set(FIELDS["head"].split())
    for group in spec["workerGroupSpecs"]:
        assert set(group) <= set(FIELDS["workers"].split())
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())


@pytest.mark.parametrize("name", KUBERAY)
def test_kuberay_has_tokens_and_the_version(name: str) -> None:
    spec = ray_cluster(name)
    assert spec["authOptions"] == {"mode": "token"}
    assert spec["rayVersion"] == RAY
    images = {container["image"] for pod in pods(name) for container in pod["containers"]}
    assert images == {f"REGISTRY/audio-scaling:ray-{RAY}"}


@pytest.mark.parametrize("name", KUBERAY)
def test_kuberays_operator_does_not_refuse(name: str) -> None:
    (document,) = documents(name)
    spec = document["spec"]
    # What the operator checks beside the schema. A job's cluster has a name that is six characters longer.
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", document["metadata"]["name"])
    assert len(document["metadata"]["name"]) <= 47
    assert tuple(map(int, ray_cluster(name)["rayVersion"].split("."))) >= (2, 52, 0), "tokens"
    assert spec.get("backoffLimit", 0) >= 0
    assert spec.get("ttlSecondsAfterFinished", 0) >= 0
    assert spec.get("shutdownAfterJobFinishes") or not spec.get("ttlSecondsAfterFinished")
    for group in (ray_cluster(name)["headGroupSpec"], *ray_cluster(name)["workerGroupSpecs"]):
        assert group["template"]["spec"]["containers"]
        assert not {"resources", "labels"} & set(group), "they exclude the same in rayStartParams"


def test_kuberay_job_and_cluster_are_the_same_cluster() -> None:
    assert ray_cluster("kuberay/rayjob.yaml") == ray_cluster("kuberay/raycluster.yaml")


@pytest.mark.parametrize("name", KUBERAY)
def test_kuberay_pool_has_gpus_and_a_fixed_size(name: str) -> None:
    (group,) = ray_cluster(name)["workerGroupSpecs"]
    (container,) = group["template"]["spec"]["containers"]
    assert group["replicas"] == group["minReplicas"] == group["maxReplicas"]
    gpus = container["resources"]["limits"]["nvidia.com/gpu"]
    assert int(gpus) * group["replicas"] % study(entrypoint(name)).options.group_workers == 0


@pytest.mark.parametrize("name", KUBERAY)
def test_kuberay_pods_share_the_folder_that_out_lies_in(name: str) -> None:
    claim = kinds("kuberay/shared.yaml")["PersistentVolumeClaim"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    shared = study(entrypoint(name)).shared
    for pod in pods(name):
        (volume,) = pod["volumes"]
        assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
        for container in pod["containers"]:
            assert container["volumeMounts"] == [{"name": volume["name"], "mountPath": shared}]


@pytest.mark.parametrize("name", KUBERAY)
def test_kuberay_studies_reach_mlflow(name: str) -> None:
    there = kinds("kuberay/mlflow.yaml")
    service, deployment, policy = (there[kind] for kind in ("Service", "Deployment", "NetworkPolicy"))
    template = deployment["spec"]["template"]
    labels = template["metadata"]["labels"]
    (container,) = template["spec"]["containers"]
    (port,) = service["spec"]["ports"]

    host = f"{service['metadata']['name']}:{port['port']}"
    assert study(entrypoint(name)).options.tracking_uri == f"http://{host}"
    for selector in (
        service["spec"]["selector"],
        deployment["spec"]["selector"]["matchLabels"],
        policy["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector == labels

    assert container["command"] == ["mlflow", "server"]
    given = dict(argument.split("=", 1) for argument in container["args"])
    assert set(given) <= MLFLOW_FLAGS
    assert int(given["--port"]) == port["port"] == container["ports"][0]["containerPort"]
    assert host in given["--allowed-hosts"].split(",")
    assert container["image"] == f"REGISTRY/audio-scaling:ray-{RAY}"
    claims = {volume["persistentVolumeClaim"]["claimName"] for volume in template["spec"]["volumes"]}
    assert claims == {there["PersistentVolumeClaim"]["metadata"]["name"]}
    (mount,) = container["volumeMounts"]
    assert given["--backend-store-uri"].startswith(f"sqlite:///{mount['mountPath']}/")
    assert given["--artifacts-destination"].startswith(f"{mount['mountPath']}/")


def test_the_image_honours_the_constraints_and_is_nobodys_root() -> None:
    lines = re.sub(r"\\\n\s*", "", (CLUSTERS / "Dockerfile").read_text()).splitlines()
    steps = [tuple(line.split(maxsplit=1)) for line in lines if line and not line.startswith("#")]
    assert [what for what, _ in steps if what == "FROM"] == ["FROM"]
    assert dict(steps)["FROM"].startswith("python:3.11-")
    (install,) = (rest for what, rest in steps if what == "RUN" and "pip install" in rest)
    assert "--constraint constraints.txt" in install
    copied = [source for what, rest in steps if what == "COPY" for source in rest.split()[:-1]]
    assert {"constraints.txt", "pyproject.toml", "scaling", "studies"} <= set(copied)
    assert all((ROOT / source).exists() for source in copied)

    what, user = steps[-1]
    assert what == "USER"
    security = [pod["securityContext"] for name in KUBERAY for pod in pods(name)]
    security.append(kinds("kuberay/mlflow.yaml")["Deployment"]["spec"]["template"]["spec"]["securityContext"])
    for context in security:
        assert context == {"runAsNonRoot": True, "runAsUser": int(user), "fsGroup": int(user)}
    assert f"--uid {user} " in next(rest for what, rest in steps if what == "RUN" and "useradd" in rest)

    assert study(entrypoint("kuberay/rayjob.yaml")).script == Path(dict(steps)["WORKDIR"]) / "studies/data_scale.py"


@pytest.fixture(params=LAUNCHER)
def launcher(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """A launcher's recipe as Ray fills and validates it."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    (config,) = documents(request.param)
    prepared = prepare_config(config)
    validate_config(prepared)
    return request.param, prepared


def test_the_launchers_clusters_have_a_fixed_size(launcher: tuple[str, dict[str, Any]]) -> None:
    _, config = launcher
    nodes = config["available_node_types"]
    assert set(nodes) == {config["head_node_type"], "gpu"}, "a default node type is left"
    gpu = nodes["gpu"]
    assert gpu["min_workers"] == gpu["max_workers"] == config["max_workers"]
    assert gpu["resources"]["GPU"] == 8
    assert nodes["head"]["resources"] == {"CPU": 0}


def test_the_launchers_nodes_have_the_token_and_a_dashboard_on_loopback(launcher: tuple[str, dict[str, Any]]) -> None:
    name, config = launcher
    assert config["file_mounts"][f"/home/{config['auth']['ssh_user']}/.ray/auth_token"] == "~/.ray/auth_token"
    (profile,) = (command for command in config["setup_commands"] if command.endswith(">> ~/.bashrc"))
    assert "RAY_AUTH_MODE=token" in profile
    assert "--dashboard-host=127.0.0.1" in config["head_start_ray_commands"][-1]
    assert "export RAY_ADDRESS=http://127.0.0.1:8265 RAY_AUTH_MODE=token" in (CLUSTERS / name).read_text()


def test_the_launchers_nodes_install_what_is_constrained(launcher: tuple[str, dict[str, Any]]) -> None:
    _, config = launcher
    (install,) = (command for command in config["setup_commands"] if "uv pip install" in command)
    folder = f"/home/{config['auth']['ssh_user']}/audio-scaling"
    assert install.startswith("cd ~/audio-scaling && ")
    assert "--constraint constraints.txt --requirement pyproject.toml" in install
    for file in ("constraints.txt", "pyproject.toml"):
        assert (ROOT / config["file_mounts"][f"{folder}/{file}"]).is_file()
    assert any("venv" in command and "--python 3.11" in command for command in config["setup_commands"])


def test_the_launchers_nodes_share_the_folder_that_out_lies_in(launcher: tuple[str, dict[str, Any]]) -> None:
    name, config = launcher
    command = told(name)
    assert command.startswith("ray job submit --working-dir . -- python studies/data_scale.py ")
    _, options, shared = study(command)
    (mount,) = (command for command in config["initialization_commands"] if " mount " in command)
    assert mount.startswith(f"mountpoint -q {shared} ||")
    assert mount.endswith(f" {shared}")
    gpu = config["available_node_types"]["gpu"]
    assert gpu["resources"]["GPU"] * gpu["min_workers"] % options.group_workers == 0


# What Slurm and Ray are asked. `sbatch` runs the script as Slurm's batch step does, and at the time limit sends the
# signal that was asked for to the batch shell alone; `srun` says what it was to start and ends with $STUDY_EXIT.
STUBS = {
    "sbatch": """#!{python}
import json, os, pathlib, re, signal, subprocess, sys, time
script = pathlib.Path(sys.argv[1])
asked = dict(re.findall(r"^#SBATCH --([\\w-]+)(?:=(\\S+))?$", script.read_text(), re.MULTILINE))
pathlib.Path("asked.json").write_text(json.dumps(asked))
env = os.environ | dict(
    SLURM_SUBMIT_DIR=os.getcwd(), SLURM_JOB_ID="42", SLURM_JOB_NODELIST="gpu[1-2]", SLURM_JOB_NUM_NODES=asked["nodes"],
    SLURM_CPUS_PER_TASK=asked["cpus-per-task"], SLURM_GPUS_ON_NODE=asked["gpus-per-node"])
batch = subprocess.Popen(["bash", script], env=env)
if "TIME_LIMIT" in env:
    while not pathlib.Path("srun.json").exists():
        time.sleep(0.02)
    target, _, name = asked["signal"].partition("@")[0].partition(":")
    assert target == "B", target
    batch.send_signal(signal.Signals["SIG" + name])
sys.exit(batch.wait())
""",
    "scontrol": """#!/bin/bash
if [ "$1 $2" = "show hostnames" ]; then echo gpu1; echo gpu2; else echo "$@" >>scontrol.log; fi
""",
    "srun": """#!{python}
import json, os, pathlib, sys, time
pathlib.Path("srun.part").write_text(json.dumps(dict(args=sys.argv[1:], env=dict(os.environ))))
pathlib.Path("srun.part").rename("srun.json")
while "TIME_LIMIT" in os.environ and not pathlib.Path("scontrol.log").exists():
    time.sleep(0.02)
pathlib.Path("srun.ended").touch()
sys.exit(int(os.environ.get("STUDY_EXIT", "0")))
""",
    "ray": """#!/bin/bash
echo "$RAY_AUTH_MODE $@" >>ray.log
mkdir -p ~/.ray && echo the-token | tee ~/.ray/auth_token
""",
}
SBATCH = """job-name output open-mode partition nodes gpus-per-node cpus-per-task ntasks-per-node exclusive time signal
    requeue account qos constraint mem"""


class Site:
    """A Slurm site of stubs, with a clone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        stubs = folder / "bin"
        stubs.mkdir()
        for name, text in STUBS.items():
            path = stubs / name
            path.write_text(text.replace("{python}", sys.executable))
            path.chmod(path.stat().st_mode | stat.S_IXUSR)
        activate = folder / ".venv" / "bin" / "activate"
        activate.parent.mkdir(parents=True)
        activate.write_text("export ACTIVATED=yes\n")

    def submit(self, **env: str) -> subprocess.CompletedProcess[str]:
        """`sbatch clusters/slurm.sbatch`, to its end."""
        return subprocess.run(
            ["sbatch", str(CLUSTERS / "slurm.sbatch")],
            cwd=self.folder,
            env={"HOME": str(self.folder), "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", **env},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def json(self, name: str) -> dict[str, Any]:
        """What a stub has recorded."""
        recorded: dict[str, Any] = json.loads((self.folder / name).read_text())
        return recorded


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_slurm_script_is_bash() -> None:
    subprocess.run(["bash", "-n", str(CLUSTERS / "slurm.sbatch")], check=True)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_slurm_starts_ray_on_all_nodes_and_the_study_once(site: Site) -> None:
    from ray.scripts.scripts import start
    from ray.scripts.symmetric_run import curate_and_validate_ray_start_args, symmetric_run

    ended = site.submit()
    assert ended.returncode == 0, ended.stderr
    assert "the-token" not in ended.stdout + ended.stderr

    asked = site.json("asked.json")
    text = (CLUSTERS / "slurm.sbatch").read_text()
    assert len(asked) == text.count("\n#SBATCH"), "a line of #SBATCH is not of the form that Slurm reads"
    assert set(asked) <= set(SBATCH.split())
    assert text.rindex("\n#SBATCH") < text.index("\nset -euo pipefail"), "Slurm reads none after the first command"
    assert asked["ntasks-per-node"] == "1"
    assert (site.folder / "ray.log").read_text() == "token get-auth-token --generate\n"
    assert stat.S_IMODE((site.folder / ".ray" / "auth_token").stat().st_mode) == 0o600

    started = site.json("srun.json")
    assert started["env"]["RAY_AUTH_MODE"] == "token"
    assert started["env"]["ACTIVATED"] == "yes"
    words = started["args"]
    ray = words.index("ray")
    assert words[:ray] == [f"--cpus-per-task={asked['cpus-per-task']}"]
    assert words[ray + 1] == "symmetric-run"
    given, command = words[ray + 2 : words.index("--")], words[words.index("--") + 1 :]
    own = symmetric_run.make_context("symmetric-run", list(given), resilient_parsing=True).params
    assert own["address"] == "gpu1:6379"
    assert own["min_nodes"] == int(asked["nodes"])
    node = start.make_context("start", curate_and_validate_ray_start_args(list(given))).params
    assert node["num_cpus"] == int(asked["cpus-per-task"])
    assert node["num_gpus"] == int(asked["gpus-per-node"])
    assert node["dashboard_host"] in (None, "localhost", "127.0.0.1")

    assert command[:2] == ["env", "RAY_ADDRESS=gpu1:6379"]
    script, options, shared = study(shlex.join(command))
    assert (ROOT / script).is_file()
    assert f"shared={shared} " in text
    assert node["num_gpus"] * own["min_nodes"] % options.group_workers == 0


def test_slurm_job_ends_as_the_study_does(site: Site) -> None:
    assert site.submit(STUDY_EXIT="3").returncode == 3


def test_slurm_job_goes_back_into_the_queue_before_its_time_is_up(site: Site) -> None:
    ended = site.submit(TIME_LIMIT="1", STUDY_EXIT="143")
    assert (site.folder / "scontrol.log").read_text() == "requeue 42\n"
    assert (site.folder / "srun.ended").exists(), "the script left before the study had ended"
    assert ended.returncode == 143
    assert "requeue" in site.json("asked.json")
