"""The manifests of a corpus: the files that patterns name, and a digest of them."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from scaling.data.clip import bad_name
from scaling.errors import StudyError
from scaling.storage.cache import known_digest


def manifest_files(patterns: Sequence[str]) -> list[Path]:
    """The files that paths or glob patterns name, sorted.

    Raises `StudyError` where a pattern names nothing.
    """
    files: list[Path] = []
    for pattern in patterns:
        try:
            path = Path(os.path.normpath(Path(pattern).expanduser().absolute()))
            found = sorted(
                file for file in Path(path.anchor).glob(str(path.relative_to(path.anchor))) if file.is_file()
            )
        except (OSError, ValueError, RuntimeError, IndexError):
            # What no file can be called, and a home that nobody has.
            found = []
        if not found:
            raise StudyError(f"no manifest at {pattern}: give the path of a Lhotse CutSet (.jsonl.gz) or a quoted glob")
        files.extend(found)
    for file in files:
        if not source_name(file) or bad_name("source", source_name(file)):
            raise StudyError(f"{str(file)!r} has no name of a source: that is what stands before the first dot")
    return list(dict.fromkeys(files))


def source_name(manifest: Path) -> str:
    """The corpus a manifest belongs to: its file name up to the first dot (`esc10.train.jsonl.gz` is
    `esc10`)."""
    return manifest.name.split(".")[0]


def manifest_digest(files: Sequence[Path]) -> str:
    """A digest of the manifests' bytes that does not depend on the order or the place of the files."""
    whole = hashlib.blake2b(digest_size=16)
    for source, digest in sorted((source_name(file), known_digest(file, _digest)) for file in files):
        whole.update(f"{source} {digest}\n".encode())
    return whole.hexdigest()


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise StudyError(f"the manifest {file} cannot be read: {error.strerror}") from None
