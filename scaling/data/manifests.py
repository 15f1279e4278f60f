"""The manifests of a corpus: the files that patterns name, the corpus and the reader of each, and a digest of them."""

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scaling.data.clip import bad_name
from scaling.data.readers.known import READERS, reader_of
from scaling.errors import StudyError
from scaling.storage.cache import known_digest
from scaling.storage.files import Location, location, on_disk

NAMED = re.compile(r"([\w-]+)=(.+)", re.DOTALL)
SHARD = re.compile(r"[-_.]\d{3,}(-of-\d+)?$")
COMMON = ("clips", "metadata", "captions", "index", "train")
"""Names of tables that say nothing: the folder's is taken."""


@dataclass(frozen=True)
class Manifest:
    """A file of clips, the corpus that it belongs to, and the reader that reads it."""

    place: Location
    source: str
    reader: str

    @property
    def size(self) -> int:
        """Bytes, packed as they are."""
        if on_disk(self.place):
            return self.place.stat().st_size
        return int(self.place.fs.info(self.place.path)["size"])


def find_manifests(patterns: Sequence[str]) -> list[Manifest]:
    """The manifests that paths or glob patterns name, local or `s3://`, sorted; before a pattern may stand the name of
    its corpus and `=`.

    Raises `StudyError` where a pattern names nothing, or a file has no name of a source.
    """
    found: dict[Location, Manifest] = {}
    for pattern in patterns:
        named = NAMED.fullmatch(pattern)
        for file in manifest_files([named[2] if named else pattern]):
            reader = reader_of(file)
            source = named[1] if named else source_name(file, reader)
            if not source or bad_name("source", source):
                raise StudyError(f"{str(file)!r} has no name of a source: that is what stands before the first dot")
            found.setdefault(file, Manifest(file, source, reader))
    return list(found.values())


def manifest_files(patterns: Sequence[str]) -> list[Location]:
    """The files that patterns name, sorted, each once. Raises `StudyError` where a pattern names nothing."""
    files: list[Location] = []
    for pattern in patterns:
        found = _remote(pattern) if "://" in pattern else _local(pattern)
        if not found:
            raise StudyError(
                f"no manifest at {pattern}: give the path of a Lhotse CutSet (.jsonl.gz), a table (.csv, .parquet) or "
                "an archive (.tar), or a quoted glob"
            )
        files.extend(found)
    return list(dict.fromkeys(files))


def _local(pattern: str) -> list[Path]:
    try:
        path = Path(os.path.normpath(Path(pattern).expanduser().absolute()))
        return sorted(file for file in Path(path.anchor).glob(str(path.relative_to(path.anchor))) if file.is_file())
    except (OSError, ValueError, RuntimeError, IndexError):
        # What no file can be called, and a home that nobody has.
        return []


def _remote(pattern: str) -> list[Location]:
    place = location(pattern)
    assert not on_disk(place)
    scheme = pattern.partition("://")[0]
    found = place.fs.glob(place.path, detail=True)
    return [location(f"{scheme}://{name}") for name, info in sorted(found.items()) if info["type"] == "file"]


def source_name(manifest: Location, reader: str = "lhotse") -> str:
    """The corpus a manifest belongs to: its file name up to the first dot (`esc10.train.jsonl.gz` is `esc10`). Of other
    forms the number of a shard does not count (`esc10-00001-of-00004.parquet`), and a name that all tables have is that
    of their folder (`esc10/clips.csv`)."""
    name = manifest.name.split(".")[0]
    if reader == "lhotse":
        return name
    name = SHARD.sub("", name)
    return manifest.parent.name if name in COMMON else name


def manifest_digest(manifests: Sequence[Manifest]) -> str:
    """A digest of what is read of the manifests that does not depend on the order or the place of the files."""
    whole = hashlib.blake2b(digest_size=16)
    for source, digest in sorted((manifest.source, _digest(manifest)) for manifest in manifests):
        whole.update(f"{source} {digest}\n".encode())
    return whole.hexdigest()


def _digest(manifest: Manifest) -> str:
    digest, place = READERS[manifest.reader].load().digest, manifest.place
    found: str = known_digest(place, digest) if on_disk(place) else digest(place)
    return found
