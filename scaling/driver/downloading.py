"""A corpus from the Hugging Face hub into a folder, by the hub's own client: what was begun goes on."""

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from scaling.data.sources.known import SOURCES, known_source
from scaling.errors import StudyError
from scaling.storage.files import check_folder, free_bytes, make_folder, names, write_json
from scaling.storage.own import read_own

MARK = "download.json"
FORMS = ("*.jsonl.gz", "*.jsonl", "*.csv", "*.parquet", "*.tar")
"""What readers read; audio in other files is asked for by name."""
RESERVE = 2**28
"""Bytes that stay free."""


def download(name: str, out: Path, files: Sequence[str], revision: str, say: Callable[[str], None]) -> list[Path]:
    """Files of a dataset on the hub, or of a corpus that is known and lies there, into a folder of their own; returns
    where they lie, by name.

    Args:
        name: `owner/dataset`, or a source of `SOURCES`.
        files: patterns of names in the repository.
        revision: a branch, a tag or a commit; "" for the newest.
        say: told what is to come, in a line, before it comes.

    Raises `StudyError` where there is no such dataset or file, no network, no room, or another thing in the folder.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.hf_api import RepoFile

    repository = _repository(name)
    check_folder(out)
    _check_ours(out, repository, revision)
    with _told(repository, revision):
        commit = HfApi().repo_info(repository, repo_type="dataset", revision=revision or None).sha
        every = HfApi().list_repo_tree(repository, repo_type="dataset", revision=commit, recursive=True)
        sizes = {one.path: one.size for one in every if isinstance(one, RepoFile)}
    wanted = {file: size for file, size in sizes.items() if any(fnmatch(file, pattern) for pattern in files)}
    if not wanted:
        raise StudyError(f"{repository} has no files like {', '.join(files)}: name others with --files")
    there = [file for file in wanted if (out / file).is_file() and (out / file).stat().st_size == wanted[file]]
    coming = sum(wanted.values()) - sum(wanted[file] for file in there)
    make_folder(out)
    if (free := free_bytes(out)) is not None and coming + RESERVE > free:
        raise StudyError(f"{coming / 1e9:,.1f} GB are to come and {free / 1e9:,.1f} GB are free at {out}")
    write_json(out / MARK, {"repository": repository, "revision": revision})
    held = f"{len(wanted):,} files, of which {len(there):,} are there"
    say(f"{repository} at {commit}: {held}; {coming / 1e9:,.2f} GB to come")
    with _told(repository, revision):
        snapshot_download(repository, repo_type="dataset", revision=commit, allow_patterns=list(wanted), local_dir=out)
    return sorted(out / file for file in wanted)


def _repository(name: str) -> str:
    """Raises `StudyError` for a name of neither kind, and for a corpus that lies elsewhere."""
    if name.count("/") == 1:
        return name
    known = known_source(name)
    if known is None:
        raise StudyError(f"{name} is neither owner/dataset nor one of {', '.join(SOURCES)}")
    if not known.hub:
        raise StudyError(f"{known.title} does not lie on the hub: {known.manifest}")
    return known.hub


def _check_ours(out: Path, repository: str, revision: str) -> None:
    """Whether files may be put there: the client replaces what has their names."""
    again = f"give a new or empty folder for {repository}"
    try:
        there: dict[str, str] = read_own(out / MARK, dict[str, str], again)
    except (FileNotFoundError, NotADirectoryError):
        if others := names(out):
            raise StudyError(f"{out} holds no download, but {others[0]}: {again}") from None
        return
    if there != {"repository": repository, "revision": revision}:
        what = " at ".join(filter(None, there.values()))
        raise StudyError(f"{out} holds {what}: {again}")


@contextmanager
def _told(repository: str, revision: str) -> Iterator[None]:
    """Failures of the hub's client as a line for a person."""
    # HTTPError is that of its transport, which changes from version to version.
    from huggingface_hub.errors import (  # type: ignore[attr-defined]
        GatedRepoError,
        HFValidationError,
        HTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        yield
    except HFValidationError:
        raise StudyError(f"{repository!a} is no name of a dataset: owner/dataset") from None
    except GatedRepoError:
        raise StudyError(
            f"{repository} is given to those who have accepted its terms: accept them on the hub, and have your token "
            "in HF_TOKEN"
        ) from None
    except RepositoryNotFoundError:
        raise StudyError(f"the hub has no dataset {repository}, or not for you (HF_TOKEN)") from None
    except RevisionNotFoundError:
        raise StudyError(f"{repository} has no revision {revision}") from None
    except (HTTPError, LocalEntryNotFoundError, ConnectionError, TimeoutError):
        raise StudyError(
            f"the hub does not answer for {repository}: start the same command again where there is a network; what "
            "is there stays"
        ) from None
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise StudyError(f"no space left for {repository}: free some and start again") from None
