"""The commands of a store: `scaling download`, `rank`, `prepare`, `verify`, `leaks` and `card`."""

from typing import Literal

import tyro

from scaling.cli.ended import ended
from scaling.driver.display import Display
from scaling.driver.signals import Signals
from scaling.errors import StudyError
from scaling.storage.files import absolute, local
from scaling.study.options import Options
from scaling.study.study import Corpus


def _corpus(
    manifests: tuple[str, ...],
    audio_root: str,
    tasks: str,
    leaks: tuple[str, ...],
    weights: tuple[str, ...],
    min_seconds: float,
    max_seconds: float,
) -> Corpus:
    """Raises `StudyError` for values that make no sense."""
    options = Options(
        manifests=manifests,
        audio_root=audio_root,
        tasks=tasks,
        leaks=leaks,
        weights=weights,
        min_seconds=min_seconds,
        max_seconds=max_seconds,
    )
    options.check()
    return options.corpus()


def prepare(
    manifests: tuple[str, ...],
    store: str,
    clips: int | Literal["all"] = "all",
    audio_root: str = "",
    tasks: str = "",
    leaks: tuple[str, ...] = (),
    weights: tuple[str, ...] = (),
    min_seconds: float = 1.0,
    max_seconds: float = 60.0,
    encoders: tuple[str, ...] = ("transformer",),
) -> int:
    """Prepare a store without a study; stopped and started again, it goes on. A study of the same corpus and the same
    tasks, whose encoders hear what these do, finds it by --store.

    Args:
        manifests: Lhotse CutSets (.jsonl.gz, .jsonl), tables beside audio (.csv, .parquet), Parquet with audio in it,
            WebDataset archives (.tar): paths, s3:// URIs or quoted globs, each alone or as SOURCE=PATH.
        store: folder of the prepared clips, or s3://bucket/folder; made if absent.
        clips: how many clips to prepare beside the holdout, or all.
        audio_root: folder that relative paths in the manifests start from, or s3://bucket/folder.
        tasks: tasks.toml that names the labelled clips to probe on: what they test on is kept out of the clips.
        leaks: lists of evaluation clips to keep out, as AudioCaps, MusicCaps, VGGSound, Clotho and ESC-50 publish
            theirs, or an id or a file's name a line.
        weights: SOURCE=W: sources that stand W times as dense as others in small subsets.
        min_seconds: clips shorter than this are rejected.
        max_seconds: clips longer than this are rejected.
        encoders: the store holds what these hear, named as in a study: transformer, zipformer-M, or a folder with a
            config.json; log-mels of 80 bins, if nothing is said.
    """
    if isinstance(clips, int) and clips < 1:
        raise StudyError(f"--clips {clips}: it must be at least 1")
    corpus = _corpus(manifests, audio_root, tasks, leaks, weights, min_seconds, max_seconds)
    if not encoders:
        raise StudyError("--encoders needs at least one encoder")
    place = absolute(store)

    def work(display: Display, signals: Signals) -> int:
        from scaling.driver.preparing import prepare_alone

        prepare_alone(corpus, encoders, clips, place, display, signals)
        return 0

    return ended(work)


def rank(
    manifests: tuple[str, ...],
    store: str,
    audio_root: str = "",
    tasks: str = "",
    leaks: tuple[str, ...] = (),
    weights: tuple[str, ...] = (),
    min_seconds: float = 1.0,
    max_seconds: float = 60.0,
    encoders: tuple[str, ...] = ("transformer",),
) -> int:
    """Read, clean and rank manifests, and say what they hold: the first step of `scaling prepare`, which goes on from
    it with the same arguments. No audio is needed yet.

    Args:
        manifests: Lhotse CutSets (.jsonl.gz, .jsonl), tables beside audio (.csv, .parquet), Parquet with audio in it,
            WebDataset archives (.tar): paths, s3:// URIs or quoted globs, each alone or as SOURCE=PATH.
        store: folder of the catalogue, or s3://bucket/folder; made if absent.
        audio_root: folder that relative paths in the manifests start from, or s3://bucket/folder.
        tasks: tasks.toml that names the labelled clips to probe on: what they test on is kept out of the clips.
        leaks: lists of evaluation clips to keep out, as AudioCaps, MusicCaps, VGGSound, Clotho and ESC-50 publish
            theirs, or an id or a file's name a line.
        weights: SOURCE=W: sources that stand W times as dense as others in small subsets.
        min_seconds: clips shorter than this are rejected.
        max_seconds: clips longer than this are rejected.
        encoders: what the store is for, as for `scaling prepare`.
    """
    corpus = _corpus(manifests, audio_root, tasks, leaks, weights, min_seconds, max_seconds)
    if not encoders:
        raise StudyError("--encoders needs at least one encoder")
    place = absolute(store)

    def work(display: Display, signals: Signals) -> int:
        from scaling.driver.ranking import rank_alone

        rank_alone(corpus, encoders, place, display)
        return 0

    return ended(work)


def download(name: tyro.conf.Positional[str], out: str, files: tuple[str, ...] = (), revision: str = "") -> int:
    """Fetch a corpus from the Hugging Face hub into a folder of its own; stopped and started again, it goes on.

    Args:
        name: a dataset as owner/dataset, or a known source that lies there: audiosetcaps, jamendomaxcaps, musiccaps,
            wavcaps.
        out: the folder; made if absent.
        files: patterns of the files to fetch; without them manifests and archives: *.jsonl.gz, *.jsonl, *.csv,
            *.parquet, *.tar.
        revision: a branch, a tag or a commit; without it the newest.
    """
    from scaling.driver.downloading import FORMS
    from scaling.driver.downloading import download as downloaded

    for path in downloaded(name, local(out), files or FORMS, revision, print):
        print(path)
    return 0


def verify(store: tyro.conf.Positional[str]) -> int:
    """Read all of a store, and name each file in which anything is not as it was written.

    Args:
        store: its folder, or s3://bucket/folder.
    """
    from scaling.driver.preparing import damages

    found = 0
    for line in damages(absolute(store)):
        print(line)
        found += 1
    print(f"{found} files of {store} are damaged" if found else f"all of {store} is as it was written")
    return 1 if found else 0


def leaks(store: tyro.conf.Positional[str], tasks: str = "", lists: tuple[str, ...] = (), audio_root: str = "") -> int:
    """Which clips of a prepared store are test or validation clips too, and from which size on a subset has them.

    Args:
        store: its folder, or s3://bucket/folder.
        tasks: tasks.toml that names labelled clips: found by file, by name and by sound.
        lists: lists of evaluation clips, as for `scaling rank --leaks`: found by name.
        audio_root: folder that relative paths of the store's clips start from.
    """
    if not tasks and not lists:
        raise StudyError("scaling leaks looks for the clips of --tasks or --lists: give one")
    from scaling.driver.leaking import leaks as found_leaks

    found = 0
    named = local(tasks) if tasks else None
    for line in found_leaks(absolute(store), named, [local(path) for path in lists], str(absolute(audio_root or "."))):
        print(line)
        found += 1
    print(f"{found} clips of {store} are in evaluation sets" if found else f"no clip of {store} is in one of them")
    return 1 if found else 0


def card(store: tyro.conf.Positional[str], clips: tuple[int, ...] = (), out: str = "") -> int:
    """Write the data card of a prepared store: what its clips and captions are, size by size, and what was left out.

    Args:
        store: its folder, or s3://bucket/folder.
        clips: sizes to describe beside that of all clips.
        out: folder that gets card.md, tables and figures. Without one: card/ in the store's folder.
    """
    from scaling.driver.card import write_card

    place = absolute(store)
    print(write_card(place, clips, absolute(out) if out else place / "card"))
    return 0
