"""What else goes wrong than a process: MLflow's server away for a minute or for good, and a full disk.

    python tests/bench/outages.py [--seconds 60]

Does a small study alone, then the same one three times more: with a tracking server that is killed in mid-study and
comes back, with one that does not come back until `scaling sync`, and in a folder on a disk of its own that is full in
mid-study (mounting one needs root; left out without). Fails where weights, scores or what MLflow holds in the end
differ in anything from the study alone.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from mlflow.tracking import MlflowClient

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from started import SMALL, Started
from study_corpus import write_corpus
from tracking_server import Server

STEPS = "1000"
Record = dict[str, tuple[str, dict[str, str], dict[str, list[tuple[int, float]]]]]


def recorded(uri: str) -> Record:
    """What MLflow holds of each run: its status, parameters and metrics."""
    client = MlflowClient(uri)
    [experiment] = client.search_experiments(filter_string="name LIKE 'data-scale-%'")
    found: Record = {}
    for run in client.search_runs([experiment.experiment_id]):
        history = {
            key: sorted((point.step, point.value) for point in client.get_metric_history(run.info.run_id, key))
            for key in run.data.metrics
            if not key.startswith(("cost/", "system/", "time/")) and "per_s" not in key and "seconds" not in key
        }
        name = run.data.tags["scaling.run"]
        assert name not in found, f"{name} is there twice"
        found[name] = (run.info.status, dict(run.data.params), history)
    return found


def check(study: Started, uri: str, alone: Started, expected: Record) -> None:
    """The same results and the same record."""
    mine, theirs = study.results(), alone.results()
    assert mine.keys() == theirs.keys()
    for name, result in mine.items():
        assert result["cost"].get("weights") == theirs[name]["cost"].get("weights"), name
        assert result["scores"] == theirs[name]["scores"], name
    held = recorded(uri)
    assert held.keys() == expected.keys()
    for name, (status, parameters, metrics) in held.items():
        assert status == "FINISHED", (name, status)
        assert parameters == expected[name][1], name
        assert metrics == expected[name][2], name


def _server(folder: Path) -> Server:
    folder.mkdir()
    server = Server(folder)
    server.start()
    return server


def last_lines(study: Started, n: int = 12) -> str:
    return "\n".join(f"    {line}" for line in study.log.read_text().splitlines()[-n:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the server is away")
    seconds = parser.parse_args().seconds
    scratch = Path(tempfile.mkdtemp())
    # Long enough that the server is back before the last run.
    small = [{"30": STEPS}.get(word, word) for word in SMALL]
    arguments = [*small, *write_corpus(scratch / "corpus")]
    alone = Started(scratch / "alone", *arguments)
    assert alone.ended() == 0, alone.log.read_text()
    expected = recorded(f"sqlite:///{alone.out / 'mlflow.db'}")
    points = sum(len(history) for _, _, metrics in expected.values() for history in metrics.values())
    print(f"alone: {len(expected)} runs, {points} points of metrics", flush=True)

    server = _server(scratch / "server")
    study = Started(scratch / "away", *arguments, "--tracking-uri", server.uri)
    study.until(study.training)
    server.kill()
    time.sleep(seconds)
    done = len(study.results())
    server.start()
    assert study.process.wait() == 0, study.log.read_text()
    check(study, server.uri, alone, expected)
    print(f"server away for {seconds:.0f} s in mid-study ({done} runs done when it came back): all equal", flush=True)
    server.kill()

    server = _server(scratch / "gone")
    study = Started(scratch / "without", *arguments, "--tracking-uri", server.uri)
    study.until(study.training)
    server.kill()
    code = study.process.wait()
    print(f"server gone for good: exit {code}, and these are its last lines:\n{last_lines(study)}", flush=True)
    server.start()
    # As the study's last lines have it.
    command = [str(Path(sys.executable).with_name("scaling")), "sync", str(study.out), "--tracking-uri", server.uri]
    assert " ".join(command[1:]) in study.log.read_text()
    subprocess.run(command, check=True)
    check(study, server.uri, alone, expected)
    print("after scaling sync: all equal", flush=True)
    server.kill()

    disk = scratch / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "none", disk], check=False).returncode:
        print("no disk can be mounted here: the full disk is left out")
        return
    try:
        disk_full(disk, arguments, alone, expected)
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def disk_full(disk: Path, arguments: list[str], alone: Started, expected: Record) -> None:
    """Fill it in mid-study, look at what is said, make room, and start again."""
    log: dict[str, Any] = {"log": disk.parent / "full.log"}
    study = Started(disk / "study", *arguments, **log)
    study.until(study.training)
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    code = study.process.wait()
    print(f"disk full in mid-study: exit {code}, and these are its last lines:\n{last_lines(study)}", flush=True)
    assert code in (1, 2), code
    ballast.unlink()
    again = Started(disk / "study", *arguments, **log)
    assert again.process.wait() == 0, again.log.read_text()
    check(again, f"sqlite:///{disk / 'study' / 'mlflow.db'}", alone, expected)
    print("with room again, the same command: all equal", flush=True)


if __name__ == "__main__":
    main()
