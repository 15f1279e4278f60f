"""Lists of evaluation clips that pretraining must not see, in the forms in which evaluation sets are published.

A recording is known by where it was taken from: the id of a YouTube video, the number of a Freesound recording, or the
name of its file. A clip of a mixture that has one of these in its id or in the name of its file is left out. What a
list is, its header says:

- AudioCaps (`youtube_id`), MusicCaps (`ytid`, and only rows with `is_audioset_eval`): YouTube
- VGGSound (no header: id, start, label, split): YouTube, only rows of the split test
- Clotho (`file_name`, and `sound_id` of its metadata): the file's name, Freesound
- ESC-50 (`filename`, `fold`, `src_file`): Freesound, all folds
- a list of your own: a text with an id or the name of a file a line
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from scaling.errors import StudyError
from scaling.storage.digest import bytes_digest

LARGEST = 2**28
"""Bytes of a list."""
_VIDEO = re.compile(r"(?:(?:audioset|vggsound|youtube|yt8m|yt)[_-])?([\w-]{11})(?=$|[_. ]\d)")
_VIDEO_Y = re.compile(r"[Yy]([\w-]{11})(?=$|[_. ]\d)")
_FREESOUND = re.compile(r"^(\d{2,8})$|^(\d{2,8})__|(?:^|_)\d-(\d{2,8})-[A-Z]\b|freesound[_-]?(\d{2,8})(?!\d)")
"""Names of videos and their times; numbers alone, as Freesound names files, as ESC-50 does, and with its name."""


def read_lists(paths: Sequence[Path]) -> dict[str, str]:
    """What recordings of these lists are known by (`youtube:…`, `freesound:…`, `name:…`), and the name of their list.

    Raises `StudyError` for a list that cannot be read or has nothing in it.
    """
    found: dict[str, str] = {}
    for path in paths:
        name, keys = _list(_text(path))
        several = dict.fromkeys(keys, name or path.name.split(".")[0])
        if not several:
            raise StudyError(f"the list {path} names no clip")
        found = {**several, **found}
    return found


def lists_digest(paths: Sequence[Path]) -> str:
    """A digest of what lists say, whatever their order."""
    return bytes_digest("\n".join(sorted(set(read_lists(paths)))).encode())


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            # A pipe or a device would be read for ever.
            raise StudyError(f"the list {path} is no file")
        if path.stat().st_size > LARGEST:
            raise StudyError(f"the list {path} has more than {LARGEST:,} bytes")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise StudyError(f"no list of evaluation clips at {path}: {error.strerror}") from None
    except ValueError:
        raise StudyError(f"the list {path} is no text") from None


def _list(text: str) -> tuple[str, Iterator[str]]:
    """The name of a published list, "" of another, and its keys."""
    lines = text.splitlines()
    head = next(csv.reader(lines[:1]), [])
    names = {name.strip().lower(): place for place, name in enumerate(head)}
    rows = [row for row in csv.reader(lines[1:]) if len(row) == len(head)]
    if "youtube_id" in names:
        return "audiocaps", (f"youtube:{row[names['youtube_id']]}" for row in rows)
    if "ytid" in names:
        held_out = names.get("is_audioset_eval")
        kept = [row for row in rows if held_out is None or row[held_out].lower() in ("true", "1")]
        return "musiccaps", (f"youtube:{row[names['ytid']]}" for row in kept)
    if "src_file" in names:
        return "esc50", (f"freesound:{row[names['src_file']]}" for row in rows)
    if "file_name" in names:
        return "clotho", _clotho(rows, names)
    if len(head) == 4 and head[3].strip() in ("train", "test"):
        every = (row for row in csv.reader(lines) if len(row) == 4 and row[3].strip() == "test")
        return "vggsound", (f"youtube:{row[0]}" for row in every)
    return "", _own(lines)


def _clotho(rows: list[list[str]], names: dict[str, int]) -> Iterator[str]:
    for row in rows:
        yield f"name:{_stem(row[names['file_name']])}"
        if "sound_id" in names and row[names["sound_id"]].isdigit():
            yield f"freesound:{row[names['sound_id']]}"


def _own(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if word := line.strip():
            yield f"name:{_stem(word)}"
            if re.fullmatch(r"[\w-]{11}", word):
                yield f"youtube:{word}"


def _stem(name: str) -> str:
    name = name.rpartition("/")[2]
    return name.rpartition(".")[0] or name


def keys_of(clip_id: str, audio: str, inside: bool = False) -> Iterator[str]:
    """What a clip may be known by; its id is without the name of its source. `inside`: its audio is an archive's."""
    for name in {clip_id, _stem(clip_id)} if inside else {clip_id, _stem(clip_id), _stem(audio)}:
        yield f"name:{name}"
        # A Y stands before the id in some corpora, and is its first letter in others.
        for pattern in (_VIDEO_Y, _VIDEO):
            if video := pattern.match(name):
                yield f"youtube:{video[1]}"
        if number := _FREESOUND.search(name):
            yield f"freesound:{next(filter(None, number.groups()))}"


def leak(keys: Iterable[str], known: Mapping[str, str]) -> str | None:
    """The name of the list that a clip with these keys is in."""
    return next((known[key] for key in keys if key in known), None)
