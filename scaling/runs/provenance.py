"""What source a run was made by."""

import hashlib
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def source_hash() -> str:
    """A digest of every Python file of `scaling/`: 12 hex digits."""
    whole = hashlib.blake2b(digest_size=6)
    for file in sorted((ROOT / "scaling").rglob("*.py")):
        whole.update(f"{file.relative_to(ROOT)}\n".encode())
        whole.update(file.read_bytes())
    return whole.hexdigest()


@cache
def commit() -> str:
    """The git commit, with "+" where the work tree differs from it; empty where git does not know this source (in a
    Ray job, or installed somewhere in another repository)."""
    try:
        _git("ls-files", "--error-unmatch", "scaling/__init__.py")
        head = _git("rev-parse", "--short=12", "HEAD")
        return head + ("+" if _git("status", "--porcelain", "--", "scaling", "studies") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(*arguments: str) -> str:
    # Otherwise `status` brings the index up to date, and a worker that is killed meanwhile leaves the clone locked.
    done = subprocess.run(
        ["git", "--no-optional-locks", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
