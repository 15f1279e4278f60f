"""What source a run was made by."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from scaling.runs import provenance

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "from scaling.runs import provenance as p; print(p.source_hash(), p.commit(), sep=',')"


def told(folder: Path) -> tuple[str, str]:
    """By the package in a folder: source hash and commit."""
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=folder, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    source, commit = done.stdout.strip().split(",")
    return source, commit


def test_the_hash_is_that_of_the_source_wherever_it_lies(tmp_path: Path):
    shutil.copytree(ROOT / "scaling", tmp_path / "scaling", ignore=shutil.ignore_patterns("__pycache__"))
    assert told(tmp_path) == (provenance.source_hash(), "")
    with (tmp_path / "scaling" / "errors.py").open("a") as file:
        file.write("# changed\n")
    assert told(tmp_path)[0] != provenance.source_hash()


def test_a_commit_is_marked_where_the_work_tree_differs(tmp_path: Path):
    shutil.copytree(ROOT / "scaling", tmp_path / "scaling", ignore=shutil.ignore_patterns("__pycache__"))
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for arguments in (["init", "-q"], ["add", "scaling"], [*identity, "commit", "-qm", "one"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    head = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout.strip()
    (tmp_path / ".gitignore").write_text("__pycache__\n")
    # Git would note in its index that the same bytes have another time.
    os.utime(tmp_path / "scaling" / "errors.py", (0, 0))
    index = (tmp_path / ".git" / "index").read_bytes()
    assert told(tmp_path)[1] == head
    assert (tmp_path / ".git" / "index").read_bytes() == index
    with (tmp_path / "scaling" / "errors.py").open("a") as file:
        file.write("# changed\n")
    assert told(tmp_path)[1] == f"{head}+"


def test_an_ignored_folder_of_a_repository_is_not_its_commit(tmp_path: Path):
    """Where an environment lies in somebody's checkout."""
    (tmp_path / ".gitignore").write_text("site-packages\n")
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for arguments in (["init", "-q"], ["add", ".gitignore"], [*identity, "commit", "-qm", "one"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    inside = tmp_path / "site-packages"
    shutil.copytree(ROOT / "scaling", inside / "scaling", ignore=shutil.ignore_patterns("__pycache__"))
    assert told(inside) == (provenance.source_hash(), "")
