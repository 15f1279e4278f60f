"""A study as a Ray job, from submission to the third time: stopped in mid-run, continued, and found finished.

    python tests/bench/job.py [--out DIR]

Starts a head of its own on this machine with token authentication, submits the smoke study as the README says, sends
`ray job stop` while a run trains, and submits the same command twice more. Prints a Markdown table of seconds, and
fails where a checkpoint took longer than 10 s, where anything is left undone, or where the third time changes a file.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RAY = Path(sys.executable).with_name("ray")
SECONDS = 600


def ray(*arguments: str, check: bool = True) -> str:
    done = subprocess.run([RAY, *arguments], cwd=ROOT, capture_output=True, text=True)
    if check and done.returncode:
        raise RuntimeError(f"ray {' '.join(arguments)}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def submit(out: Path) -> str:
    """Submit the study; the job's id."""
    # The head runs the job in the environment that this script runs in.
    study = ("python", "studies/data_scale.py", "--preset", "smoke", "--steps", "300", "--out", str(out))
    said = ray("job", "submit", "--no-wait", "--working-dir", ".", "--", *study)
    found = re.search(r"raysubmit_\w+", said)
    assert found, said
    return found.group()


def ended(job: str) -> str:
    """Wait for a job; its last state."""
    began = time.monotonic()
    while time.monotonic() - began < SECONDS:
        said = ray("job", "status", job)
        for state in ("succeeded", "failed", "was stopped"):
            if f"Job '{job}' {state}" in said:
                return state
        time.sleep(0.5)
    raise TimeoutError(ray("job", "logs", job))


def training(out: Path) -> list[Path]:
    """Runs that have logged steps and are not done."""
    curves = (out / "runs").glob("*/metrics.jsonl")
    return [c.parent for c in curves if c.read_text().count("\n") > 20 and not (c.parent / "result.json").exists()]


def files(out: Path) -> dict[str, float]:
    return {str(path): path.stat().st_mtime for path in out.rglob("*") if path.is_file()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=None)
    out = (parser.parse_args().out or Path(tempfile.mkdtemp()) / "study").resolve()
    os.environ["RAY_AUTH_MODE"] = "token"
    # Ray kills a stopped job after 3 s otherwise.
    os.environ["RAY_JOB_STOP_WAIT_TIME_S"] = "60"
    ray("get-auth-token", "--generate", check=False)
    ray("start", "--head", "--num-cpus", "2")
    os.environ["RAY_ADDRESS"] = "http://127.0.0.1:8265"
    rows: list[tuple[str, float]] = []
    try:
        began = time.monotonic()
        job = submit(out)
        while not training(out):
            assert time.monotonic() - began < SECONDS, ray("job", "logs", job)
            time.sleep(0.2)
        rows.append(("submission to a run that trains", time.monotonic() - began))
        stopped, asked = training(out), time.time()
        ray("job", "stop", "--no-wait", job)
        state = ended(job)
        saved = max(path.stat().st_mtime for run in stopped for path in run.rglob("state.json"))
        rows.append(("ray job stop to the last checkpoint", saved - asked))
        rows.append(("ray job stop to the job's end", time.time() - asked))
        assert state == "was stopped", state
        assert 0 < saved - asked < 10, saved - asked
        log = ray("job", "logs", job)
        assert "every run leaves a checkpoint" in log, log
        before = len(list((out / "runs").glob("*/result.json")))
        began = time.monotonic()
        job = submit(out)
        assert ended(job) == "succeeded", ray("job", "logs", job)
        rows.append(("the same command again, to the report", time.monotonic() - began))
        log = ray("job", "logs", job)
        noise = [line for line in log.splitlines() if re.search(r"WARN|Warning|INFO|raylet", line)]
        start = json.loads((out / "starts.jsonl").read_text().splitlines()[-1])
        assert start["runs"] + before == len(list((out / "runs").iterdir()))
        state_before, began = files(out), time.monotonic()
        job = submit(out)
        assert ended(job) == "succeeded", ray("job", "logs", job)
        rows.append(("a third time", time.monotonic() - began))
        assert files(out) == state_before
        assert "nothing to do" in ray("job", "logs", job)
    finally:
        os.environ.pop("RAY_ADDRESS")
        ray("stop", "--force", check=False)
    print("| what | seconds |\n|---|---:|")
    for name, seconds in rows:
        print(f"| {name} | {seconds:.1f} |")
    print(f"\n{before} runs were done before the stop; {len(noise)} lines of noise in the log{':' if noise else ''}")
    print("\n".join(noise[:5]))


if __name__ == "__main__":
    main()
