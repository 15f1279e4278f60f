"""Lhotse CutSet manifests (`jsonl.gz`), the form in which CaptionStew is distributed."""

import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from lhotse.cut import MonoCut
from lhotse.cut.set import deserialize_cut

from scaling.data.clip import Clip
from scaling.data.tokenizer import normalized
from scaling.errors import StudyError


def manifest_files(patterns: Sequence[str]) -> list[Path]:
    """The files that paths or glob patterns name, sorted.

    Raises `StudyError` where a pattern names nothing.
    """
    files: list[Path] = []
    for pattern in patterns:
        path = Path(os.path.normpath(Path(pattern).expanduser().absolute()))
        found = sorted(file for file in Path(path.anchor).glob(str(path.relative_to(path.anchor))) if file.is_file())
        if not found:
            raise StudyError(f"no manifest at {pattern}: give the path of a Lhotse CutSet (.jsonl.gz) or a quoted glob")
        files.extend(found)
    return list(dict.fromkeys(files))


def source_name(manifest: Path) -> str:
    """The corpus a manifest belongs to: its file name up to the first dot (`esc10.train.jsonl.gz` is
    `esc10`)."""
    return manifest.name.split(".")[0]


def manifest_digest(files: Sequence[Path]) -> str:
    """A digest of the manifests' bytes that does not depend on the order or the place of the files."""
    whole = hashlib.blake2b(digest_size=16)
    for source, digest in sorted((source_name(file), _digest(file)) for file in files):
        whole.update(f"{source} {digest}\n".encode())
    return whole.hexdigest()


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def read_manifest(file: Path) -> Iterator[Clip]:
    """The clips of one manifest, lazily, in file order; captions come from `supervisions[0].custom.caption`.

    A cut without a caption (or with nothing but punctuation for one) is a clip without captions: the
    catalogue rejects and counts it. Raises `StudyError`, naming file and line, where the file is not whole
    gzip, a line is not JSON, or a line is not a cut of one audio file.
    """
    source = source_name(file)
    number = 0
    try:
        if file.stat().st_size == 0:
            # Python's gzip takes an empty file for an empty archive.
            raise EOFError
        with gzip.open(file, "rb") as lines:
            for line in lines:
                number += 1
                if line.strip():
                    yield _clip(json.loads(line), source)
    except FileNotFoundError:
        raise StudyError(f"no manifest at {file}") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise StudyError(
            f"{file} is not a whole gzip file (after line {number}): manifests are Lhotse CutSets in .jsonl.gz"
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise StudyError(f"{file} line {number} is not JSON: manifests hold one cut a line") from None
    except _NotACutError as error:
        raise StudyError(f"{file} line {number} is not a Lhotse MonoCut with one audio file: {error}") from None
    except OSError as error:
        raise StudyError(f"the manifest {file} cannot be read: {error.strerror or error}") from None


class _NotACutError(Exception):
    pass


def _clip(fields: object, source: str) -> Clip:
    if not isinstance(fields, dict):
        raise _NotACutError(f"it is a {type(fields).__name__}")
    if fields.get("type") != "MonoCut":
        raise _NotACutError(f"its type is {fields['type']}" if "type" in fields else "it has no type")
    try:
        cut = deserialize_cut(fields)
        assert isinstance(cut, MonoCut)
        if cut.recording is None or [part.type for part in cut.recording.sources] != ["file"]:
            raise _NotACutError("its recording does not lie in one file")
        audio = cut.recording.sources[0].source
        custom = (cut.supervisions[0].custom if cut.supervisions else None) or {}
        domain = str(custom.get("domain") or source)
        seconds, start = float(cut.duration), float(cut.start)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, AssertionError) as error:
        raise _NotACutError(f"{type(error).__name__} {error}".splitlines()[0]) from None
    return Clip(f"{source}/{cut.id}", source, domain, seconds, _captions(custom), str(audio), start)


def _captions(custom: dict[str, object]) -> tuple[str, ...]:
    found = custom.get("caption")
    captions = found if isinstance(found, list) else [found]
    return tuple(text.strip() for text in captions if isinstance(text, str) and normalized(text))
