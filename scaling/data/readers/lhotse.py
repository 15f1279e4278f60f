"""Lhotse CutSet manifests (`jsonl.gz`), the form in which CaptionStew is distributed.

A line is read as Lhotse's `MonoCut.load_audio` would read it, or refused: what is not known here may mean something.
"""

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from scaling.data.clip import Clip, Reject, UnusableClipError, bad_name
from scaling.data.features import SAMPLE_RATE
from scaling.data.tokenizer import normalized
from scaling.errors import StudyError
from scaling.storage.cache import known_digest

LONGEST_LINE = 2**20
"""Bytes that a line may have."""
NO_CUT = "not a Lhotse MonoCut with one audio file"


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


def read_manifest(file: Path) -> Iterator[Clip | Reject]:
    """The clips of one manifest, lazily, in file order; captions come from `supervisions[0].custom.caption`.

    A line that is no cut of one channel of one audio file is a reject, and so is one that is not JSON. Raises
    `StudyError`, naming file and line, where the file is not whole gzip, or where most of its lines are such.
    """
    source = source_name(file)
    number = lines = refused = 0
    first = ""
    try:
        if file.stat().st_size == 0:
            # Python's gzip takes an empty file for an empty archive.
            raise EOFError
        with gzip.open(file, "rb") as opened:
            for number, line in enumerate(_lines(opened), start=1):
                if not line.strip():
                    continue
                lines += 1
                try:
                    yield _clip(line, source)
                except UnusableClipError as error:
                    refused += 1
                    first = first or f"line {number} is {error}"
                    yield Reject(f"{file} line {number}", source, "", str(error))
    except FileNotFoundError:
        raise StudyError(f"no manifest at {file}") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise StudyError(
            f"{file} is not a whole gzip file (after line {number}): manifests are Lhotse CutSets in .jsonl.gz"
        ) from None
    except OSError as error:
        raise StudyError(f"the manifest {file} cannot be read: {error.strerror or error}") from None
    if 2 * refused > lines:
        raise StudyError(f"{file} {first}; {refused:,} of its {lines:,} lines cannot be used")


def _lines(file: gzip.GzipFile) -> Iterator[bytes]:
    """The lines of a file, those that are too long cut short."""
    while line := file.readline(LONGEST_LINE + 1):
        rest = line
        while len(rest) > LONGEST_LINE and not rest.endswith(b"\n"):
            rest = file.readline(LONGEST_LINE + 1)
        yield line


@with_config(ConfigDict(strict=True, extra="forbid"))
class _Source(TypedDict):
    type: Literal["file"]
    channels: list[int]
    source: str
    video: NotRequired[None]


@with_config(ConfigDict(strict=True, extra="forbid"))
class _Recording(TypedDict):
    id: NotRequired[Any]
    sources: list[_Source]
    sampling_rate: NotRequired[Any]
    num_samples: NotRequired[Any]
    duration: NotRequired[Any]
    channel_ids: NotRequired[list[int] | None]
    transforms: NotRequired[list[dict[str, Any]] | None]


@with_config(ConfigDict(strict=True))
class _Supervision(TypedDict):
    custom: NotRequired[dict[str, Any] | None]


@with_config(ConfigDict(strict=True, extra="forbid"))
class _Cut(TypedDict):
    type: Literal["MonoCut"]
    id: Annotated[str, Field(min_length=1)] | int
    start: float
    duration: float
    channel: int
    recording: _Recording
    supervisions: NotRequired[list[_Supervision] | None]
    features: NotRequired[Any]
    custom: NotRequired[Any]


_CUT = TypeAdapter(_Cut)


def _clip(line: bytes, source: str) -> Clip:
    """Raises `UnusableClipError`."""
    if len(line) > LONGEST_LINE:
        raise UnusableClipError(f"not a cut: it has more than {LONGEST_LINE:,} bytes")
    try:
        cut = _CUT.validate_json(line)
    except ValidationError as error:
        raise UnusableClipError(_cause(error)) from None
    recording, channel = cut["recording"], cut["channel"]
    holding = [part for part in recording["sources"] if channel in part["channels"]]
    if len(holding) != 1 or channel not in (recording.get("channel_ids") or [channel]):
        raise UnusableClipError(f"{NO_CUT}: its channel is {channel}, and its recording has {_channels(recording)}")
    for transform in recording.get("transforms") or ():
        _check_transform(transform)
    [audio] = holding
    # Where the manifest knows of one channel and the file has more, they are taken for one sound.
    place = audio["channels"].index(channel) if len(audio["channels"]) > 1 else None
    custom = ((cut.get("supervisions") or [{}])[0]).get("custom") or {}
    return Clip(
        f"{source}/{cut['id']}",
        source,
        str(custom.get("domain") or source),
        cut["duration"],
        _captions(custom),
        audio["source"],
        cut["start"],
        place,
    )


def _channels(recording: _Recording) -> str:
    return ", ".join(str(part["channels"])[:50] for part in recording["sources"]) or "none"


def _check_transform(transform: dict[str, Any]) -> None:
    """Resampling to 16 kHz or more is what is done anyway; nothing else is done to a recording."""
    name, arguments = transform.get("name"), transform.get("kwargs")
    if name == "Resample" and isinstance(arguments, dict):
        rate = arguments.get("target_sampling_rate")
        if isinstance(rate, int) and rate >= SAMPLE_RATE:
            return
    raise UnusableClipError(f"{NO_CUT}: its recording is changed by {str(name)[:50]!r}")


def _cause(error: ValidationError) -> str:
    """Where a line is no cut, and why."""
    first = error.errors(include_url=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        return f"not JSON: {first['msg'].removeprefix('Invalid JSON: ')}"
    where = "".join(f"{step}: " for step in [".".join(map(str, first["loc"]))] if step)
    found = f", not {str(first['input'])[:50]!r}" if first["type"] == "literal_error" else ""
    return f"{NO_CUT}: {where}{first['msg']}{found}"


def _captions(custom: dict[str, Any]) -> tuple[str, ...]:
    """What is no text, or text without a word, is no caption."""
    found = custom.get("caption")
    captions = found if isinstance(found, list) else [found]
    return tuple(text.strip() for text in captions if isinstance(text, str) and normalized(text))
