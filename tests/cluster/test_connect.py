"""A Ray that a study starts for itself is nobody else's: sockets and token of its real processes."""

import inspect
import ipaddress
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray
from started import Started

from scaling.cluster.connect import start_ray
from scaling.errors import StudyError

PROGRAM = """
import json, os, sys
import grpc, ray
from test_connect import listening
from scaling.cluster.connect import start_ray

start_ray()
ray.get(ray.remote(num_cpus=0)(lambda: os.getpid()).remote())
address = ray.get_runtime_context().gcs_address
ask = grpc.insecure_channel(address).unary_unary("/ray.rpc.NodeInfoGcsService/GetAllNodeInfo")
answers = []
for token in ("", "another", os.environ["RAY_AUTH_TOKEN"]):
    try:
        ask(b"", timeout=10, metadata=[("authorization", f"Bearer {token}")] if token else [])
        answers.append("OK")
    except grpc.RpcError as error:
        answers.append(error.code().name)
session = ray._private.worker.global_worker.node.get_session_dir_path()
found = {"listening": sorted(listening(os.getpid())), "answers": answers, "session": session}
print(json.dumps({**found, "token": os.environ["RAY_AUTH_TOKEN"]}))
"""


def listening(pid: int) -> set[tuple[str, str, int]]:
    """Process, address and port of every socket that a process and those it has started listen at."""
    found = set()
    for process in [(mine := psutil.Process(pid)), *mine.children(recursive=True)]:
        try:
            words = process.cmdline()
            name = Path(words[0]).name if len(words) > 1 else words[0].strip()
            for socket in process.net_connections():
                if socket.status == psutil.CONN_LISTEN:
                    found.add((name, socket.laddr.ip, socket.laddr.port))
        except (psutil.Error, IndexError):
            continue
    return found


def foreign(sockets: set[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
    """Those that another machine could reach."""
    return [socket for socket in sockets if not _loopback(socket[1])]


def _loopback(text: str) -> bool:
    address = ipaddress.ip_address(text)
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def test_a_ray_of_our_own_listens_on_the_loopback_alone_and_answers_who_has_its_token(tmp_path: Path):
    # Whatever was exported for another cluster, or was left out.
    environment = {**os.environ, "HOME": str(tmp_path), "RAY_AUTH_MODE": "disabled"}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    for name in ("RAY_ADDRESS", "RAY_AUTH_TOKEN"):
        environment.pop(name, None)
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    sockets = {tuple(socket) for socket in found["listening"]}
    assert {"gcs_server", "raylet", "ray::DashboardAgent"} <= {name for name, _, _ in sockets}
    assert not foreign(sockets)
    assert found["answers"] == ["UNAUTHENTICATED", "UNAUTHENTICATED", "OK"]
    assert not (tmp_path / ".ray").exists()
    assert found["token"] not in done.stderr
    written = [path for path in Path(found["session"]).rglob("*") if path.is_file()]
    assert written
    assert not [path for path in written if found["token"].encode() in path.read_bytes()]


def test_a_machine_on_which_ray_does_not_start_in_time_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch):
    said = "The current node timed out during startup."
    assert said in inspect.getsource(ray._private.node)

    def init(**_: Any) -> None:
        raise Exception(f"{said} This could happen because ...")

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    # What a start sets is its process's own.
    monkeypatch.setattr(os, "environ", dict(os.environ))
    with pytest.raises(StudyError, match=r"^Ray did not start within half a minute: [^\n]*$"):
        start_ray()


@pytest.mark.long
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_study_opens_no_door(small_study: list[str], tmp_path: Path, workers: str):
    study = Started(tmp_path / "study", *small_study, "--clips", "16", "--group-workers", workers)
    seen: set[tuple[str, str, int]] = set()
    while study.process.poll() is None:
        seen |= listening(study.process.pid)
    assert study.process.returncode == 0, study.log.read_text()
    assert any("RayTrainWorker" in name for name, _, _ in seen)
    assert not foreign(seen)
