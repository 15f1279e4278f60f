"""The store at ten million clips: its catalogue, its growth, and its index in the memory of a node.

    python tests/bench/store.py [--clips 10000000] [--parts 1000] [--entries 20000000] [--workers 8]

A catalogue is written, and half of one, to see that it is linear. A store of many parts (of tiny features) grows by
one. An index of twenty million clips, whose parts are all one and the same file, is opened by one process and then by
several at once, as the workers of a node open it: each draws batches of clips and of seconds, at the first step and at
one far in, and says what it holds: memory that it shares is counted as its share of it (PSS).
"""

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from made_store import made_part, made_store

from scaling.data.catalogue import COLUMNS, read_catalogue, write_catalogue
from scaling.data.description import seal
from scaling.data.feed import Feed
from scaling.data.index import SCHEMA, read_index, write_index
from scaling.data.parts import prepared_parts
from scaling.data.store import Store
from scaling.storage.arrow import write_named
from scaling.storage.digest import bytes_digest

FAR = 1_000_000


def catalogue_seconds(folder: Path, clips: int) -> tuple[float, float, int]:
    """Seconds to write a catalogue and to read the clips of a part in its middle, and its bytes."""
    ranks = pl.int_range(clips, eager=True)
    ranked = pl.DataFrame({"rank": ranks}).with_columns(
        pl.concat_str(pl.lit("audioset/Y"), pl.col("rank").hash(), pl.lit("_30000")).alias("id"),
        source=pl.lit("audioset"),
        domain=pl.lit("sound"),
        seconds=pl.col("rank") % 5900 / 100 + 1,
        captions=pl.concat_list(pl.concat_str(pl.lit("A dog barks in the distance while rain falls on "), "rank")),
        audio=pl.concat_str(pl.lit("audioset/"), pl.col("rank").hash(), pl.lit(".flac")),
        start=pl.lit(0.0),
        channel=pl.lit(None, pl.Int64),
    )
    path = folder / f"catalogue-{clips}.parquet"
    began = time.monotonic()
    write_catalogue(path, ranked.select("rank", *COLUMNS), 256)
    written = time.monotonic()
    assert len(read_catalogue(path, clips // 512, 256)) == 256
    return written - began, time.monotonic() - written, path.stat().st_size


def growth(folder: Path, parts: int) -> tuple[float, float]:
    """Seconds to index so many parts, and to index one more."""
    made_store(folder, parts * 256, frames=2)
    (folder / Store(folder).index.parts[-1]).stat()
    began = time.monotonic()
    write_index(folder, [b"another leak, so that all is read again"])
    whole = time.monotonic() - began
    made_part(folder, parts, 256, frames=2)
    began = time.monotonic()
    assert write_index(folder, [b"another leak, so that all is read again"]) == (parts + 1) * 256
    return whole, time.monotonic() - began


def made_index(folder: Path, clips: int) -> None:
    """A store of one part whose index says that it has many, all of them that one."""
    made_store(folder, 256, frames=120)
    [[part]] = prepared_parts(folder).values()
    seconds = np.clip(np.random.default_rng(0).lognormal(np.log(10.4), 0.8, clips), 1, 60).astype(np.float32)
    place = np.arange(clips, dtype=np.int32)
    columns = [
        place,
        place // 256,
        (place % 256).astype(np.uint8),
        (1 + 100 * seconds).astype(np.int32),
        np.ones(clips, np.int32),
        (place % 7).astype(np.int32),
        seconds,
    ]
    hashes = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(16), clips, [None, pa.py_buffer(np.random.default_rng(1).bytes(16 * clips))]
    )
    metadata = {
        "parts": json.dumps([part] * -(-clips // 256)),
        "sources": json.dumps([f"source {number}" for number in range(7)]),
        "leaks": bytes_digest(b""),
    }
    arrays = [*map(pa.array, columns), hashes, pa.array(np.zeros(clips, np.uint8))]
    batch = pa.record_batch(arrays, schema=SCHEMA.with_metadata(metadata))
    seal(folder, {}, write_named(folder, "index", batch))


def memory() -> dict[str, int]:
    """KiB of this process by kind."""
    lines = (line.split() for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    return {name.rstrip(":"): int(size) for name, size, *_ in lines}


def worker(folder: Path, barrier: Any, answers: Any) -> None:
    before = memory()
    began = time.monotonic()
    store = Store(folder)
    opened = time.monotonic() - began
    subset = store.subset(len(store) - 32)
    times = {}
    held = []
    for name, seconds in (("clips", 0.0), ("seconds", 5120.0)):
        feed = Feed(store, subset, store.holdout, 0, 512, 60.0, 16, None, seconds)
        held.append(feed)
        for step in (0, FAR):
            began = time.monotonic()
            first = feed.drawn(step)[0]
            times[f"{name}, step {step:,}"] = time.monotonic() - began
            assert np.array_equal(feed.drawn(step)[0], first)
    # All of them hold it at once.
    barrier.wait()
    after = memory()
    barrier.wait()
    answers.put((opened, times, after["Pss"] - before["Pss"], after["Private_Dirty"] - before["Private_Dirty"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=10_000_000)
    parser.add_argument("--parts", type=int, default=1000)
    parser.add_argument("--entries", type=int, default=20_000_000)
    parser.add_argument("--workers", type=int, default=8)
    arguments = parser.parse_args()
    print("| what | measured |\n|---|---:|")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for clips in (arguments.clips // 2, arguments.clips):
            write, read, size = catalogue_seconds(folder, clips)
            print(f"| catalogue of {clips:,} clips written | {write:.1f} s, {size / clips:.0f} bytes a clip |")
        print(f"| the clips of one of its parts read | {1000 * read:.0f} ms |")
        whole, one = growth(folder / "growing", arguments.parts)
        print(f"| {arguments.parts:,} parts indexed | {whole:.1f} s |")
        print(f"| one part more indexed | {one:.2f} s |")
        large = folder / "large"
        made_index(large, arguments.entries)
        size = (large / read_index(large)[0].index).stat().st_size
        print(f"| index of {arguments.entries:,} clips | {size / 2**20:,.0f} MiB on disk |")
        for workers in (1, arguments.workers):
            _at_once(large, workers)


def _at_once(large: Path, count: int) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(count), context.Queue()
    workers = [context.Process(target=worker, args=(large, barrier, answers)) for _ in range(count)]
    for each in workers:
        each.start()
    found = [answers.get() for _ in workers]
    for each in workers:
        each.join()
    who = "one worker" if count == 1 else f"the slowest of {count} workers"
    print(f"| opened, {who} | {max(seconds for seconds, *_ in found):.1f} s |")
    for name in found[0][1]:
        print(f"| batch of {name}, {who} | {max(times[name] for _, times, *_ in found):.2f} s |")
    together = sum(proportional for *_, proportional, _ in found)
    print(f"| memory of {count}, what they share counted once | {together / 1024:,.0f} MiB |")
    print(f"| of it a worker's own | {max(own for *_, own in found) / 1024:,.0f} MiB |")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
