"""What leaves a clone, with `ray job submit --working-dir .` (packed by Ray itself) or in an image: the source, and
nothing else that lies about."""

import shutil
import tomllib
import zipfile
from pathlib import Path

import pathspec
import pytest
from ray._private.runtime_env import packaging

ROOT = Path(__file__).resolve().parents[2]

NAMES = (
    ".env .env.local prod.env .envrc .netrc _netrc .npmrc .pypirc .pgpass .boto .s3cfg .htpasswd .vault-token "
    ".git-credentials .gitconfig id_rsa id_ed25519 token auth_token credentials kubeconfig notes notes.md key.pem "
    "server.key keys.p12 store.jks vault.kdbx secrets.json secrets.toml secrets.yaml passwords.txt gcp.json "
    "service-account.json service-account-prod-123.json terraform.tfvars database.sqlite mlflow.db clips.parquet "
    "audio.flac weights.safetensors data.csv .aws/credentials .aws/config .ssh/id_rsa .ssh/config .kube/config "
    ".huggingface/token .cache/huggingface/token wandb/settings .config/wandb .docker/config.json "
    ".terraform/terraform.tfstate .streamlit/secrets.toml .ipynb_checkpoints/x-checkpoint.py "
    "__pycache__/x.cpython-311.pyc node_modules/x.js .git/config .venv/bin/activate"
)
FOLDERS = ("", "scaling", "scaling/data", "scaling/data/readers", "scaling/analysis/report", "studies", "mine", "tests")


@pytest.fixture(params=[packaging.PathSpec, pathspec.PathSpec], ids=["Ray's", "newest"], autouse=True)
def _reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray brings an old reader of such files; to today's a line that lets a folder in lets in all that is in it."""
    monkeypatch.setattr(packaging, "PathSpec", request.param)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A clone with its files and with everything that must not travel, at several depths."""
    clone = tmp_path / "clone"
    for name in ("scaling", "studies"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (".rayignore", ".gitignore", "LICENSE", "README.md", "pyproject.toml", "constraints.txt", "Makefile"):
        shutil.copyfile(ROOT / name, clone / name)
    for folder in FOLDERS:
        for name in NAMES.split():
            planted = clone / folder / name
            planted.parent.mkdir(parents=True, exist_ok=True)
            planted.write_text("SECRET")
    return clone


def sent(folder: Path) -> set[str]:
    """The files that Ray packs of a working directory."""
    package = folder.parent / "package.zip"
    package.unlink(missing_ok=True)
    packaging.create_package(str(folder), package, include_gitignore=True)
    with zipfile.ZipFile(package) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def source() -> set[str]:
    """The files that the project is: its Python files and the data of its packages."""
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    found = [path for name in ("scaling", "studies") for path in (ROOT / name).rglob("*.py")]
    found += [
        path for name, some in data.items() for glob in some for path in (ROOT / name.replace(".", "/")).glob(glob)
    ]
    return {path.relative_to(ROOT).as_posix() for path in found}


def test_a_job_is_sent_the_source_and_nothing_else(checkout: Path) -> None:
    there = sent(checkout)
    assert not source() - there, "a folder or a kind of file that .rayignore does not name"
    assert not there - source(), "what must stay here travels"


def test_an_image_is_made_of_the_source_and_nothing_else(checkout: Path) -> None:
    # Docker asks of files alone, and the last line that fits decides: what today's reader does here.
    ignored = pathspec.PathSpec.from_lines("gitwildmatch", (ROOT / ".dockerignore").read_text().splitlines())
    files = {path.relative_to(checkout).as_posix() for path in checkout.rglob("*") if path.is_file()}
    kept = set(ignored.match_files(files, negate=True))
    assert kept - source() == {"README.md", "LICENSE", "pyproject.toml", "constraints.txt"}
    assert not source() - kept


def test_an_own_study_is_sent_and_an_own_package_with_two_more_lines(checkout: Path) -> None:
    (checkout / "studies" / "mine.py").touch()
    own = checkout / "my_package" / "encoders"
    own.mkdir(parents=True)
    (own / "mine.py").touch()
    assert sent(checkout) - source() == {"studies/mine.py"}
    lines = ["!/my_package", "!/my_package/**"]
    assert " and ".join(lines) in (ROOT / ".rayignore").read_text()
    with (checkout / ".rayignore").open("a") as file:
        file.write("\n".join(lines))
    assert sent(checkout) - source() == {"studies/mine.py", "my_package/encoders/mine.py"}
