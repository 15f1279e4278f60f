"""Feeding: clips a second from the store's maps, beside a bare loop that copies the same clips, and Ray's iterator.

    python tests/bench/feed.py [--parts 8]

Clips of 10 s in half precision, one core, batches of 64. Three ways over the same clips: `Feed.batch`; a loop that does
nothing but copy the same features from the same maps into a batch of the same shape; and `iter_torch_batches` of Ray
Data from Parquet. The rounds alternate; the table gives medians, and beside them the first pass with the disk's cache
dropped, where that is allowed, and the feed of 512 clips that are kept as FLAC and heard as waveforms. Then a run
trains on a CPU, and how long its steps waited is said; and what looking at the digests of the parts takes, as a share
of it.
"""

import argparse
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pyarrow as pa
import ray
import torch
from made_store import made_store
from pyarrow import parquet

from scaling.data.feed import Feed
from scaling.data.store import Store
from scaling.models.formats import Waveform
from scaling.models.options import TransformerOptions
from scaling.objectives.options import ContrastiveOptions
from scaling.storage.digest import file_digest
from scaling.study.run import Data, Optimization, Run
from scaling.training.attempt import Attempt
from scaling.training.initialize import build
from scaling.training.loop import train

FRAMES, BATCH = 1001, 64


def fed(feed: Feed, steps: int) -> Iterator[int]:
    for step in range(steps):
        yield len(feed.batch(step)["lengths"])


def bare(feed: Feed, steps: int) -> Iterator[int]:
    """The same clips, copied by the fewest lines that can."""
    store = feed.store
    for step in range(steps):
        places, _ = feed.drawn(step)
        # Memory as the feed's, which torch has at hand when the batch before is gone.
        batch = torch.empty((BATCH, FRAMES, 80), dtype=torch.float16)
        for out, place in zip(batch.numpy(), places.tolist(), strict=True):
            out[:] = store.log_mel(place)
        yield len(batch)


def of_ray(table: Path, clips: int) -> Iterator[int]:
    data = ray.data.read_parquet(str(table)).limit(clips)
    for batch in data.iter_torch_batches(batch_size=BATCH, collate_fn=stacked):
        yield len(batch)


def stacked(batch: dict[str, np.ndarray]) -> torch.Tensor:
    rows = [np.frombuffer(one, np.float16).reshape(-1, 80) for one in batch["features"]]
    return torch.from_numpy(np.stack(rows))


def rate(batches: Iterator[int]) -> float:
    began = time.monotonic()
    return sum(batches) / (time.monotonic() - began)


def dropped(folder: Path) -> None:
    """Have the files of a folder read from the disk again."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def trained(store: Store, folder: Path) -> tuple[float, float]:
    """The share of a run's time that its steps waited for their batches, and its seconds."""
    optimization = Optimization(steps=60, batch_size=32)
    encoder = TransformerOptions(width=96, layers=3)
    clips = min(1000, store.available())
    run = Run(ContrastiveOptions(), Data(clips, crop_seconds=10.0), encoder, optimization=optimization)
    places = store.subset(clips)
    feed = Feed(store, places, store.holdout, 0, 32, 10.0, 16)
    attempt = Attempt(folder)
    attempt.claim()
    cost = train(run, feed, build(run, len(store.tokenizer), {}, None, None), attempt, checkpoint_seconds=1e9)
    return cost.feed_wait_seconds / cost.wall_seconds, cost.wall_seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "store"
        made_store(folder, arguments.parts * 256, FRAMES)
        table = Path(made) / "clips.parquet"
        features = [Store(folder).log_mel(place).tobytes() for place in range(arguments.parts * 256)]
        parquet.write_table(pa.table({"features": features}), table, row_group_size=256, compression="none")
        del features
        dropped(folder)
        store = Store(folder)
        feed = Feed(store, store.subset(arguments.parts * 256 - 32), store.holdout, 0, BATCH, 10.0, 16)
        steps = len(feed.places) // BATCH
        cold = rate(fed(feed, steps))
        began = time.monotonic()
        for path in folder.glob("part-*.arrow"):
            file_digest(path)
        digests = time.monotonic() - began
        ways: dict[str, Callable[[], Iterator[int]]] = {
            "the feed": lambda: fed(replace(feed, seed=1), steps),
            "a bare loop of copies": lambda: bare(replace(feed, seed=1), steps),
        }
        made_store(Path(made) / "audio", 512 + 32, FRAMES, Waveform())
        audio = Store(Path(made) / "audio")
        heard = Feed(audio, audio.subset(512), audio.holdout, 0, BATCH, 10.0, 16, heard=Waveform())
        ways["the feed, waveforms"] = lambda: fed(replace(heard, seed=1), 512 // BATCH)
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(arguments.rounds):
            for name, way in list(ways.items())[:: 1 if turn % 2 else -1]:
                rates[name].append(rate(way()))
        ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        ray.data.DataContext.get_current().enable_progress_bars = False
        rates["Ray Data's iter_torch_batches"] = [rate(of_ray(table, len(feed.places))) for _ in range(2)]
        ray.shutdown()
        waited, seconds = trained(store, Path(made) / "run")
        size = sum(path.stat().st_size for path in folder.glob("part-*.arrow"))
    loop = statistics.median(rates["a bare loop of copies"])
    print(f"{len(feed.places):,} clips of 10 s, batches of {BATCH}, one core, median of {arguments.rounds} rounds\n")
    print("| | clips/s | of the bare loop |\n|---|---:|---:|")
    for name, some in rates.items():
        print(f"| {name} | {statistics.median(some):,.0f} | {statistics.median(some) / loop:.3f} |")
    print(f"| the feed, cold, digests looked at | {cold:,.0f} | {cold / loop:.3f} |")
    against = statistics.median(rates["the feed"]) / statistics.median(rates["Ray Data's iter_torch_batches"])
    print(f"\nThe feed is {against:.0f} times Ray's iterator.")
    print(f"Looking at the digests of {size / 1e9:.1f} GB took {digests:.2f} s ({size / digests / 1e9:.1f} GB/s).")
    print(f"A run of 60 steps of 32 took {seconds:.1f} s, its steps waited {waited:.2%} of it; the digests of the four")
    share = digests * 4 / arguments.parts / seconds
    print(f"parts that it reads are {share:.2%}, once.")


if __name__ == "__main__":
    main()
