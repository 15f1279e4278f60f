"""What a study's corpus names, read: its clips, its labelled clips, and a digest of both.

The corpus is read before anything is written, so that input that cannot be used leaves nothing behind.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from scaling.data import keyed
from scaling.data.catalogue import REJECTS, check_audio_is_there, clip_table, ranked
from scaling.data.clip import Clip
from scaling.data.columns import Cleaning, audio_place, batches
from scaling.data.description import (
    CATALOGUE,
    Description,
    begun,
    check_free,
    intact,
    is_complete,
    not_held,
    read_store_file,
)
from scaling.data.embedded import questions, sounds, styled
from scaling.data.embedded.styled import styled_captions
from scaling.data.features import LOG_MEL, SYNTHETIC
from scaling.data.labelled import task_files
from scaling.data.leaks import lists_digest, read_lists
from scaling.data.manifests import Manifest, find_manifests, manifest_digest
from scaling.data.parts import prepared_parts
from scaling.data.prepare import catalogue_rows, choosing
from scaling.data.reading import Report, Tables, read_manifests, tables
from scaling.data.sources.known import known_source
from scaling.data.store import create_store, holdout_size, read_tokenizer, tokenizer_of
from scaling.data.tasks.embedded import embedded_tasks
from scaling.data.tasks.task import Labelled
from scaling.data.tasks.toml import read_tasks
from scaling.errors import StudyError
from scaling.models.formats import Format
from scaling.storage.files import Location, absolute, local
from scaling.study.study import Corpus

EMBEDDED_SEED = 0
LABELLED_SECONDS = 1800.0
"""Labelled clips are taken whole, and however short; one of half an hour is no clip."""
NO_TASKS = Labelled((), (), pl.DataFrame(schema=dict.fromkeys(("task", "id", "split", "label"), pl.String)), "")


@dataclass(frozen=True)
class Source:
    """A corpus whose files are known and whose tasks are read; the clips themselves are read on demand. `formats` is
    what is to be heard of them."""

    corpus: Corpus
    manifests: tuple[Manifest, ...]
    labelled: Labelled
    digest: str
    formats: tuple[Format, ...] = (LOG_MEL,)

    def catalogue(self, report: Report = lambda lines, files: None) -> Tables:
        """The clips of the mixture, cleaned and ranked, and what was rejected. Raises `StudyError`."""
        corpus = self.corpus
        held_out = frozenset(_held_out_audio(self.labelled))
        leaks = read_lists([local(path) for path in corpus.leaks])
        known = {name: known_source(name) for name in dict.fromkeys(one.source for one in self.manifests)}
        styles = {name: source.style for name, source in known.items() if source is not None}
        bounds = (corpus.min_seconds, corpus.max_seconds)
        cleaning = Cleaning(corpus.salt, *bounds, audio_root(corpus), held_out, leaks, styles)
        if corpus.embedded:
            return ranked(*tables(list(batches(embedded_clips(corpus.styled), cleaning))))
        return ranked(*read_manifests(self.manifests, cleaning, report), dict(corpus.weights))


def embedded_clips(every_style: bool = False) -> Iterator[Clip]:
    """The pretraining clips of the embedded corpus, with captions of their source's styles or of every style."""
    for index in range(sounds.SIZE):
        sound = sounds.sound(index, seed=EMBEDDED_SEED, split=sounds.PRETRAIN)
        place = f"{EMBEDDED_SEED}/{sounds.PRETRAIN}/{index}"
        name = f"{sound.source}/{index:05d}"
        clip = Clip(name, sound.source, sound.domain, sound.seconds, sound.captions, place)
        if every_style:
            captions, styles = styled_captions(index, seed=EMBEDDED_SEED)
            clip = clip._replace(captions=captions, styles=styles)
        yield clip


def source_names(corpus: Corpus) -> tuple[str, ...]:
    """The sources of the mixture, by name.

    Raises `StudyError` where a manifest is not there.
    """
    if corpus.embedded:
        return tuple(source.name for source in sounds.SOURCES)
    return tuple(dict.fromkeys(manifest.source for manifest in find_manifests(corpus.manifests)))


def open_source(corpus: Corpus, formats: tuple[Format, ...] = (LOG_MEL,)) -> Source:
    """Find the manifests and read the tasks; without tasks, clips are there to train on and none to probe on.

    Raises `StudyError` where one of them cannot be used.
    """
    fields = _identity(corpus)
    if corpus.embedded:
        labelled = embedded_tasks(EMBEDDED_SEED)
        # The rules that make the clips are code: other code is another corpus.
        code = b"".join(file.read_bytes() for file in _embedded_code(corpus.styled))
        return Source(corpus, (), labelled, _digest(repr(fields), code), formats)
    manifests = tuple(find_manifests(corpus.manifests))
    labelled = read_tasks(local(corpus.tasks)) if corpus.tasks else NO_TASKS
    rows = labelled.rows.sort("task", "id", "label").write_csv().encode()
    models = [f"{task.name} {task.model}" for task in labelled.tasks if task.model]
    return Source(
        corpus, manifests, labelled, _digest(repr(fields), manifest_digest(manifests).encode(), rows, *models), formats
    )


def _identity(corpus: Corpus) -> dict[str, Any]:
    """What decides the catalogue beside the manifests; what came later is left out where it says nothing."""
    fields = {key: value for key, value in asdict(corpus).items() if key not in ("manifests", "audio_root", "tasks")}
    leaks, weights, styled = fields.pop("leaks"), fields.pop("weights"), fields.pop("styled")
    if leaks:
        fields["leaks"] = lists_digest([local(path) for path in leaks])
    if weights:
        fields["weights"] = weights
    if styled:
        fields["styled"] = styled
    return fields


def open_tasks(tasks: str) -> Labelled:
    """The labelled clips of a task file, or ("") those of the embedded corpus. Raises `StudyError`."""
    return read_tasks(local(tasks)) if tasks else embedded_tasks(EMBEDDED_SEED)


def lay_down_labelled(labelled: Labelled, folder: Location, formats: tuple[Format, ...] = (LOG_MEL,)) -> None:
    """Lay down a store of labelled clips by itself, where there is none yet.

    Raises `StudyError` where the folder holds something else, or the store of other tasks or in other formats.
    """
    check_free(folder)
    rows = labelled.rows.sort("task", "id", "split", "label").write_csv().encode()
    models = [f"{task.name} {task.model}" for task in labelled.tasks if task.model]
    digest = _digest("labelled", labelled.root, rows, *models)
    there = read_store_file(folder)
    if there is not None and there.description.digest != digest:
        raise StudyError(f"the store in {folder} was made from other tasks: give another folder with --out")
    if there is not None and not set(formats) <= set(there.description.formats):
        raise not_held(folder, there.description.formats, formats)
    if there is not None and is_complete(folder):
        return
    table = clip_table(labelled.clips).with_row_index("rank").with_columns(pl.col("rank").cast(pl.Int64))
    if labelled.root != SYNTHETIC:
        check_audio_is_there(table, labelled.root)
        table = table.with_columns(seconds=pl.lit(None, pl.Float64))
    taken_whole = Description(digest, len(table), 0, 0.0, LABELLED_SECONDS, formats=formats)
    with begun(folder, taken_whole):
        create_store(folder, table, pl.DataFrame(schema=REJECTS), taken_whole, task_files(labelled))


@dataclass(frozen=True)
class Contents:
    """What a store has or will have, as far as a study's request must fit it: what it is made from, what `choosing`
    says of the clips of its catalogue, and the size of its vocabulary."""

    description: Description
    clips: pl.DataFrame
    vocabulary: int


Check = Callable[[Contents], None]
"""Raises `StudyError` where a study asks for what such a store cannot have."""


def ensure_catalogues(
    source: Source,
    folder: Location,
    check: Check = lambda contents: None,
    report: Report = lambda lines, files: None,
    audio: bool = True,
) -> Description:
    """Lay down the catalogues of the mixture and of the labelled clips where the store has none yet.

    Without `audio` nobody looks yet whether the recordings are there. Raises `StudyError` where the folder holds
    something else or a store of another corpus or in other formats, where the corpus cannot be used, or where `check`
    refuses the request; then nothing is written.
    """
    corpus = source.corpus
    root = audio_root(corpus)
    audio = audio and not corpus.embedded
    there = checked_store(source, folder)
    if there is not None:
        if audio and not prepared_parts(folder):
            # It may have been ranked where no audio was.
            check_audio_is_there(catalogue_rows(folder, 0, there.part_clips), root)
        choice = choosing(pl.scan_parquet(intact(folder, CATALOGUE)))
        check(Contents(there, choice, len(read_tokenizer(folder))))
        return there
    clips, rejects = source.catalogue(report)
    if clips.is_empty():
        reasons = ", ".join(f"{row['count']} {row['reason']}" for row in rejects["reason"].value_counts().to_dicts())
        raise StudyError(f"no clip of the corpus can be used: {reasons or 'the manifests are empty'}")
    labelled = clip_table(source.labelled.clips).with_row_index("rank").with_columns(pl.col("rank").cast(pl.Int64))
    if audio:
        check_audio_is_there(clips, root)
        check_audio_is_there(labelled, source.labelled.root)
    if not corpus.embedded:
        labelled = labelled.with_columns(seconds=pl.lit(None, pl.Float64))
    begun_before = read_store_file(folder)
    formats = source.formats if begun_before is None else begun_before.description.formats
    description = Description(
        source.digest,
        len(clips),
        holdout_size(len(clips), corpus.holdout),
        corpus.min_seconds,
        corpus.max_seconds,
        formats=formats,
    )
    check(Contents(description, choosing(clips.lazy()), len(tokenizer_of(clips))))
    taken_whole = Description(source.digest, len(labelled), 0, 0.0, LABELLED_SECONDS, formats=formats)
    with begun(folder, description), begun(folder / "labelled", taken_whole):
        create_store(folder / "labelled", labelled, rejects.clear(), taken_whole, task_files(source.labelled))
        create_store(folder, clips, rejects, description)
    return description


def checked_store(source: Source, folder: Location) -> Description | None:
    """What the store in a folder was made from; None where there is none yet, or not all of what is laid down.

    Raises `StudyError` where the folder holds something else, or a store of another corpus or in other formats.
    """
    check_free(folder)
    there = read_store_file(folder)
    if there is None:
        return None
    if there.description.digest != source.digest:
        raise StudyError(
            f"the store in {folder} was made from another corpus: give another folder with --store or --out"
        )
    if not set(source.formats) <= set(there.description.formats):
        raise not_held(folder, there.description.formats, source.formats)
    return there.description if is_complete(folder) and is_complete(folder / "labelled") else None


def audio_root(corpus: Corpus) -> str:
    """The folder that the manifests' relative paths start from, absolute: workers have other working
    directories. Of the embedded corpus, what makes its clips."""
    return SYNTHETIC if corpus.embedded else str(absolute(corpus.audio_root or "."))


def _held_out_audio(labelled: Labelled) -> set[str]:
    """The places of the recordings that pretraining must never see, behind links too."""
    held_out = labelled.held_out_ids()
    places = {audio_place(clip.audio, labelled.root) for clip in labelled.clips if clip.id in held_out}
    return places | {os.path.realpath(place) for place in places}


def _embedded_code(styled_too: bool) -> list[Path]:
    files = sorted(Path(sounds.__file__).parent.glob("*.py"))
    # What asks changes no clip; nor does what makes captions of every style where there are none.
    others = {Path(questions.__file__)} | (set() if styled_too else {Path(styled.__file__)})
    return [*(file for file in files if file not in others), Path(keyed.__file__)]


def _digest(*pieces: str | bytes) -> str:
    whole = hashlib.blake2b(digest_size=8)
    for piece in pieces:
        whole.update(piece.encode() if isinstance(piece, str) else piece)
    return whole.hexdigest()
