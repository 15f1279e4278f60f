"""A store prepared, for a study or by itself, and a store read through."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Literal

from scaling.cluster.connect import start_ray
from scaling.cluster.nodes import check_nodes
from scaling.cluster.writers import write_parts
from scaling.data.corpus import Contents, Source, audio_root, checked_store, ensure_catalogues, open_source
from scaling.data.description import intact, read_store_file
from scaling.data.index import read_index
from scaling.data.labelled import check_tasks
from scaling.data.parts import prepared_parts
from scaling.data.prepare import Preparation, UnpreparedError, WriteParts, clips_needed, prepare, prepare_subsets
from scaling.data.store import Store
from scaling.driver.display import Display, clock
from scaling.driver.identity import check_place
from scaling.driver.signals import Signals
from scaling.errors import StudyError
from scaling.storage.arrow import check_named
from scaling.storage.files import Location, cached, check_folder, check_writable
from scaling.storage.lease import Lease
from scaling.study.encoders import formats_of
from scaling.study.run import Subset
from scaling.study.study import Corpus

Size = int | Literal["all"]
READERS = 4


def prepare_store(source: Source, folder: Location, subsets: Sequence[Subset], display: Display) -> int:
    """Prepare the labelled clips and every subset of a store that is laid down; returns the largest size that all of
    the subsets can have. Raises `StudyError` where they cannot be prepared."""
    began = time.monotonic()

    def report(so_far: Preparation, what: str) -> None:
        rate = so_far.clips / max(time.monotonic() - began, 1e-9)
        left = clock((so_far.of - so_far.clips) / rate)
        display.counting(f"preparing {what}: {so_far.clips:,} of {so_far.of:,}, {rate:,.0f} clips/s, {left} left")

    def prepared(write: WriteParts | None) -> tuple[int, int]:
        nonlocal began
        labelled = folder / "labelled"
        root = source.labelled.root
        prepare(labelled, root, None, write, report=lambda p: report(p, "labelled clips"))
        check_tasks(labelled)
        clips = Store(labelled).clips(["id", "audio_hash"])
        held_out = clips.filter(clips["id"].is_in(list(source.labelled.held_out_ids())))
        began = time.monotonic()
        hashes = held_out["audio_hash"].to_list()
        root = audio_root(source.corpus)
        return len(clips), prepare_subsets(
            folder, root, subsets, write, test_hashes=hashes, report=lambda p: report(p, "clips")
        )

    try:
        # Where nothing is missing nothing is written: a store may be shared by studies that may not write it.
        probed, available = prepared(None)
    except UnpreparedError:
        with Lease(folder, display.say):
            probed, available = prepared(write_parts)
    display.close()
    beside = f", {probed:,} labelled clips to probe on" if probed else ""
    display.say(f"prepared: {available:,} clips to train on{beside}")
    return available


def prepare_alone(
    corpus: Corpus, encoders: Sequence[str], clips: Size, folder: Location, display: Display, signals: Signals
) -> None:
    """Prepare a store without a study, of what encoders of these names hear. Raises `StudyError` where the corpus or
    the folder cannot be used."""
    source = open_source(corpus, formats_of(encoders))
    check_folder(folder)
    check_place("--store", folder)
    # A store that has all that is needed need not be written.
    there = checked_store(source, folder)
    if there is None:
        check_writable(folder)

    def check(store: Contents) -> None:
        clips_needed(store.clips, store.description.holdout, [Subset(clips)])

    with nullcontext() if there is not None else Lease(folder, display.say):
        ensure_catalogues(source, folder, check)
    start_ray()
    signals.install()
    check_nodes([folder])
    prepare_store(source, folder, [Subset(clips)], display)


def damages(folder: Location) -> Iterator[str]:
    """Read all of a store, and say a line of each thing that is not as it was written.

    Raises `StudyError` where there is no store.
    """
    there = read_store_file(folder)
    if there is None:
        raise StudyError(f"no store in {folder}")
    for name in sorted(there.files):
        yield from _told(lambda name: intact(folder, name), name)
    parts = {name for some in prepared_parts(folder).values() for name in some}
    if there.index:
        index = list(_told(lambda _: read_index(folder), there.index))
        yield from index
        if not index:
            parts |= set(read_index(folder)[1].parts)
    with ThreadPoolExecutor(READERS) as readers:
        for said in readers.map(lambda name: list(_told(lambda name: _read_part(folder / name), name)), sorted(parts)):
            yield from said
    if (folder / "labelled" / "store.json").exists():
        yield from damages(folder / "labelled")


def _read_part(path: Location) -> None:
    try:
        check_named(path, cached(path))
    except FileNotFoundError:
        raise StudyError(f"{path} is gone: the same command prepares it again") from None


def _told(read: Callable[[str], object], name: str) -> Iterator[str]:
    try:
        read(name)
    except StudyError as error:
        yield str(error)
