"""Files on a filesystem or in an object store, written so that they are either whole or not there.

A `Location` is a `pathlib.Path`, or a `UPath` for what lies in an object store (`s3://bucket/key`). A file there is
made on local disk and put in its place by one request, which is atomic. fsspec is asked directly where `UPath`
swallows errors: a store that does not answer must not look like one that is empty. Endpoint and credentials come
from the environment alone.
"""

import errno
import hashlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import fsspec
from upath import UPath

from scaling.errors import StudyError

Location = Path | UPath

# botocore's own retries, long enough for an outage of minutes: 29 waits of up to 20 s, half of that on average.
os.environ.setdefault("AWS_RETRY_MODE", "standard")
os.environ.setdefault("AWS_MAX_ATTEMPTS", "30")


def location(text: str | Path) -> Location:
    """The place that a path or a URI names; a path is left as it is.

    Raises `StudyError` for a URI that names no place where files can be written.
    """
    scheme, found, rest = str(text).partition("://")
    if not found:
        return Path(text)
    if scheme in ("file", "local", "memory", "http", "https") or not rest.strip("/"):
        raise StudyError(f"{text} is no folder: give a path, or s3://bucket/folder")
    # The retries that all requests of a process have in common must do for the parts of a large file.
    options: dict[str, Any] = {"max_concurrency": 4} if scheme == "s3" else {}
    try:
        fsspec.get_filesystem_class(scheme)
        # Other processes write there too: a listing is out of date at once.
        place: UPath = UPath(text, use_listings_cache=False, **options)
        return place
    except (ValueError, ImportError) as error:
        raise StudyError(f"{text} cannot be used: {error}") from None


def absolute(text: str | Path) -> Location:
    """The place that a person has typed: `~` and relative paths resolved, a URI as it is."""
    place = location(text)
    return place.expanduser().resolve() if isinstance(place, Path) else place


@contextmanager
def _room_for(path: Location) -> Iterator[None]:
    """Raise `StudyError` where the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StudyError(
                f"no space left to write {path.name} in {path.parent}: free some and start again"
            ) from error
        raise


@contextmanager
def replacing(path: Location) -> Iterator[Path]:
    """A temporary path that takes the place of `path` when the block ends well, and is removed when it does not.

    On a filesystem it lies beside `path` and is renamed; for an object store it is local and is uploaded.
    """
    with nullcontext() if isinstance(path, Path) else tempfile.TemporaryDirectory() as folder:
        beside = path.parent if isinstance(path, Path) else Path(str(folder))
        temporary = beside / f".{path.name}.{secrets.token_hex(4)}.tmp"
        try:
            with _room_for(beside / path.name):
                yield temporary
                if isinstance(path, Path):
                    with temporary.open("rb") as written:
                        os.fsync(written.fileno())
                    temporary.replace(path)
                else:
                    path.fs.put_file(str(temporary), path.path)
        finally:
            temporary.unlink(missing_ok=True)


def write_json(path: Location, value: Any) -> None:
    """Write `value` as JSON, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(json_text(value))


def json_text(value: Any) -> str:
    """`value` as the text of a JSON file."""
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def read_json(path: Location) -> Any:
    """The value of a JSON file."""
    return json.loads(read_bytes(path))


def read_bytes(path: Location) -> bytes:
    """A whole file, as it was at one moment. Raises `FileNotFoundError` where there is none."""
    if isinstance(path, Path):
        return path.read_bytes()
    # In one request: parts could be of two versions.
    content: bytes = path.fs.cat_file(path.path, max_concurrency=1)
    return content


def append_line(path: Location, line: str) -> None:
    """Add a line to a file, which one process alone may do."""
    if isinstance(path, Path):
        with _room_for(path), path.open("a") as file:
            file.write(line + "\n")
        return
    before = read_bytes(path) if path.exists() else b""
    with replacing(path) as temporary:
        temporary.write_bytes(before + line.encode() + b"\n")


def names(folder: Location) -> list[str]:
    """What lies in a folder, sorted; nothing where there is no such folder."""
    try:
        if isinstance(folder, Path):
            return sorted(path.name for path in folder.iterdir())
        found = (str(path).rstrip("/").rpartition("/")[2] for path in folder.fs.ls(folder.path, detail=False))
        return sorted(found)
    except FileNotFoundError:
        return []


def make_folder(folder: Location) -> None:
    """Make a folder where there is none; an object store has no folders, only names with slashes in them."""
    if isinstance(folder, Path):
        with _room_for(folder):
            folder.mkdir(parents=True, exist_ok=True)


def remove(path: Location) -> None:
    """Remove a file, if it is there."""
    with suppress(FileNotFoundError):
        if isinstance(path, Path):
            path.unlink()
        else:
            path.fs.rm_file(path.path)


def remove_tree(folder: Location) -> None:
    """Remove a folder with all that is in it, as far as the filesystem lets us."""
    if isinstance(folder, Path):
        shutil.rmtree(folder, ignore_errors=True)
    else:
        with suppress(FileNotFoundError):
            folder.fs.rm(folder.path, recursive=True)


def remove_if_empty(folder: Location) -> None:
    """Remove a folder that nothing lies in; in an object store it is gone already."""
    if isinstance(folder, Path):
        with suppress(OSError):
            folder.rmdir()


def cached(path: Location) -> Path:
    """A local file with the content of `path`: itself, or a copy that all processes of this user on this node share.

    Copies lie in `$XDG_CACHE_HOME/audio-scaling` (`~/.cache`), which nothing but the disk bounds, under a digest of
    what the object store says of the file (name, version, size): a copy of another version is never taken for it,
    nor one that was cut short. For files that are written once.
    """
    if isinstance(path, Path):
        return path
    described = path.fs.info(path.path)
    version = hashlib.blake2b(repr(sorted(described.items())).encode(), digest_size=16).hexdigest()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "audio-scaling"
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    copy = cache / f"{version}-{path.name}"
    if not copy.exists() or copy.stat().st_size != described["size"]:
        # Processes that race fetch it twice, and either one is whole.
        with replacing(copy) as temporary:
            path.fs.get_file(path.path, str(temporary))
            if (size := temporary.stat().st_size) != described["size"]:
                raise OSError(f"{path} came with {size:,} bytes, it has {described['size']:,}")
    return copy


@contextmanager
def local_copy(path: Location) -> Iterator[Path]:
    """A local file of the same name and content, for the time of the block."""
    if isinstance(path, Path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(read_bytes(path))
        yield copy


def check_writable(folder: Location) -> None:
    """Write a mark into an object store and remove it again, before anything else is done there.

    Asks once: a store that is merely busy is left to the retries of all that follows. Raises `StudyError` where the
    bucket does not exist, the credentials do not do, or nobody answers.
    """
    if isinstance(folder, Path):
        return
    from botocore.exceptions import BotoCoreError

    options = {**folder.storage_options, "skip_instance_cache": True}
    if folder.protocol == "s3":
        options["config_kwargs"] = {"retries": {"total_max_attempts": 1}, "connect_timeout": 5, "read_timeout": 5}
    mark = f"{folder.path}/.seen-{secrets.token_hex(8)}"
    try:
        type(folder.fs)(**options).pipe_file(mark, b"")
        folder.fs.rm_file(mark)
    except FileNotFoundError:
        raise StudyError(f"{folder}: there is no such bucket, make it first") from None
    except PermissionError as error:
        raise StudyError(
            f"{folder} may not be written with the credentials of the environment (AWS_ACCESS_KEY_ID, ...): {error}"
        ) from None
    except BotoCoreError as error:
        # Its own words would name the endpoint.
        raise StudyError(
            f"{folder} cannot be reached ({type(error).__name__}): see AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY"
        ) from None
    except OSError as error:
        if not is_outage(error):
            raise StudyError(f"{folder} cannot be used: {error}") from None


def is_outage(error: BaseException) -> bool:
    """Whether an object store could not be reached, or said that it is out of order."""
    from botocore.exceptions import BotoCoreError, ClientError

    said = error.__cause__ if isinstance(error, OSError) else error
    if isinstance(said, ClientError):
        return bool(said.response["ResponseMetadata"]["HTTPStatusCode"] >= 500)
    return isinstance(said, BotoCoreError)
