"""How fast preparation is beside a bare Python loop that does the same on the same cores, and what memory it takes.

    python tests/bench/prepare.py [--clips 2000 20000] [--cores 2] [--rounds 4] [--lhotse]

Makes noise clips of 10 s at 44.1 kHz (FLAC) in a temporary folder and prepares them twice a round, once by
bare processes (decode, resample, log-mel, the same parts; each takes the next part from a common queue) and
once by Ray Data. The time is from the first clip read to the last part renamed; what comes before is start-up,
a column of its own. Ray itself is started once, before the rounds: its time is said, and counted in the last line's
second ratio. Beside the times stands the most memory that all processes took together, what they share counted once
(looked at every second); with several numbers of clips each has a table of its own, and how memory grows is said.
Prints Markdown tables; the two stores must be equal to the byte. With --lhotse, Lhotse's own extraction of log-mels to
disk runs beside them over the same clips: its processes are started and warm before its time begins, as ours are.

Of more than 2,000 clips those beyond are the same recordings again, under other names. A hundred of
them take 32 MB of disk while they are compared, and a hundred recordings 60 MB.
"""

import argparse
import logging
import multiprocessing
import os
import shutil
import statistics
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")

import numpy as np
import psutil
import ray
import soundfile
import torch

from scaling.cluster.writers import write_parts
from scaling.data.catalogue import catalogue
from scaling.data.clip import Clip
from scaling.data.description import PART_CLIPS, Description, Limits
from scaling.data.features import SAMPLE_RATE, log_mel
from scaling.data.parts import write_part
from scaling.data.prepare import catalogue_rows
from scaling.data.store import create_store, read_tokenizer

SECONDS, RATE, RECORDINGS = 10, 44_100, 2000
LHOTSE = "Lhotse, to disk"
COLUMNS = ("startup", "span", "memory")


def recording(index: int) -> str:
    return f"{index % RECORDINGS:05d}.flac"


def make_clips(folder: Path, clips: int) -> None:
    """Noise with the slope of music and speech (-6 dB an octave), so that FLAC has something to decode."""
    for index in range(min(clips, RECORDINGS)):
        rng = np.random.default_rng(index)
        samples = np.cumsum(rng.standard_normal(SECONDS * RATE, dtype=np.float32))
        samples -= np.convolve(samples, np.full(64, 1 / 64, np.float32), "same")
        soundfile.write(folder / recording(index), 0.3 * samples / np.abs(samples).max(), RATE)


class Peak:
    """The most memory that this process and all below it take together while the block lasts, in GiB."""

    def __init__(self) -> None:
        self.most = 0.0
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Peak":
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._ended.wait(1.0):
            taken = 0
            mine = psutil.Process()
            for process in [mine, *mine.children(recursive=True)]:
                with suppress(psutil.Error):
                    taken += process.memory_full_info().pss
            self.most = max(self.most, taken / 2**30)


def make_store(folder: Path, clips: int) -> Description:
    rows = (Clip(f"noise/{i:05d}", "noise", "noise", SECONDS, (f"noise {i}",), recording(i)) for i in range(clips))
    ranked, rejects = catalogue(rows, salt="bench", min_seconds=1.0, max_seconds=60.0)
    description = Description("bench", clips, 0, 1.0, 60.0, PART_CLIPS)
    create_store(folder, ranked, rejects, description)
    return description


def bare_writer(folder: Path, audio: Path, limits: Limits, parts: Any, spans: Any) -> None:
    torch.set_num_threads(1)
    log_mel(torch.zeros(SAMPLE_RATE))
    tokenizer = read_tokenizer(folder)
    while (number := parts.get()) is not None:
        began = time.time()
        write_part(catalogue_rows(folder, number, PART_CLIPS), folder, number, tokenizer, str(audio), limits)
        spans.put((began, time.time()))


def bare(folder: Path, audio: Path, description: Description, cores: int) -> tuple[float, float]:
    """Start-up and span in seconds."""
    context = multiprocessing.get_context("spawn")
    parts, spans = context.Queue(), context.Queue()
    numbers = range(-(-description.clips // PART_CLIPS))
    for number in [*numbers, *[None] * cores]:
        parts.put(number)
    asked = time.time()
    args = (folder, audio, description.limits, parts, spans)
    writers = [context.Process(target=bare_writer, args=args) for _ in range(cores)]
    for writer in writers:
        writer.start()
    done = [spans.get() for _ in numbers]
    for writer in writers:
        writer.join()
    return _times(asked, done)


def by_ray(folder: Path, audio: Path, description: Description) -> tuple[float, float]:
    """Start-up and span in seconds."""
    asked = time.time()
    numbers = list(range(-(-description.clips // PART_CLIPS)))
    rows = list(write_parts(folder, str(audio), description, numbers))
    return _times(asked, [(row["began"], row["ended"]) for row in rows])


def by_lhotse(folder: Path, audio: Path, clips: int, cores: int) -> tuple[float, float]:
    """Nothing and span in seconds: start-up is left out."""
    from concurrent.futures import ProcessPoolExecutor

    from lhotse import CutSet, Fbank, FbankConfig, MonoCut, NumpyFilesWriter, Recording
    from lhotse.utils import fastcopy

    known = [Recording.from_file(audio / recording(index)) for index in range(min(clips, RECORDINGS))]
    recordings = [fastcopy(known[index % RECORDINGS], id=f"{index:05d}") for index in range(clips)]
    cuts = CutSet.from_cuts(MonoCut(r.id, 0.0, r.duration, 0, recording=r) for r in recordings).resample(SAMPLE_RATE)
    extractor = Fbank(FbankConfig(sampling_rate=SAMPLE_RATE, num_filters=80))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(cores, mp_context=context, initializer=_warm) as warm:
        few = cuts.subset(first=8 * cores).to_eager()
        for name, some in (("warm", few), ("all", cuts.to_eager())):
            began = time.time()
            some.compute_and_store_features(
                extractor, folder / name, cores, executor=warm, storage_type=NumpyFilesWriter
            )
            span = time.time() - began
    return 0.0, span


def _warm() -> None:
    torch.set_num_threads(1)


def _times(asked: float, spans: list[tuple[float, float]]) -> tuple[float, float]:
    first = min(began for began, _ in spans)
    return first - asked, max(ended for _, ended in spans) - first


@dataclass(frozen=True)
class Took:
    """Seconds of start-up, and from the first clip read to the last part renamed; GiB."""

    startup: float
    span: float
    memory: float


def measured(folder: Path, clips: int, cores: int, rounds: int, lhotse: bool) -> dict[str, list[Took]]:
    """Every way, every round."""
    results: dict[str, list[Took]] = {"bare loop": [], "Ray Data": []}
    for turn in range(rounds):
        stores = {name: folder / f"{name.replace(' ', '-')}-{turn}" for name in results if name != LHOTSE}
        # Whoever comes first may find colder caches: the order alternates.
        for name, store in list(stores.items())[:: 1 if turn % 2 else -1]:
            description = make_store(store, clips)
            with Peak() as peak:
                if name == "bare loop":
                    times = bare(store, folder / "audio", description, cores)
                else:
                    times = by_ray(store, folder / "audio", description)
            results[name].append(Took(*times, peak.most))
        one, other = stores["bare loop"], stores["Ray Data"]
        for part in one.glob("part-*.arrow"):
            assert part.read_bytes() == (other / part.name).read_bytes(), f"{part.name} differs"
            part.unlink()
            (other / part.name).unlink()
        if lhotse:
            there = folder / f"lhotse-{turn}"
            with Peak() as peak:
                times = by_lhotse(there, folder / "audio", clips, cores)
            results.setdefault(LHOTSE, []).append(Took(*times, peak.most))
            shutil.rmtree(there)
    return results


def show(results: dict[str, list[Took]], clips: int, started: float) -> None:
    loops = results["bare loop"]
    print("| | start-up, s | first clip read to last part renamed, s | clips/s | of the bare loop | peak memory, GiB |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, some in results.items():
        startup, span, memory = (statistics.median(getattr(one, of) for one in some) for of in COLUMNS)
        ratio = statistics.median(loop.span / one.span for loop, one in zip(loops, some, strict=True))
        print(f"| {name} | {startup:.1f} | {span:.1f} | {clips / span:.0f} | {ratio:.2f} | {memory:.2f} |")
    pairs = list(zip(loops, results["Ray Data"], strict=True))
    for what, more in (("start-up", 0.0), ("start-up and Ray's own start", started)):
        ratio = statistics.median((a.startup + a.span) / (b.startup + b.span + more) for a, b in pairs)
        print(f"\nWith {what} Ray Data has {ratio:.2f} of the bare loop's rate.")
    if LHOTSE in results:
        faster = statistics.median(b.span / a.span for a, b in zip(results["Ray Data"], results[LHOTSE], strict=True))
        print(f"\nIt is {faster:.2f} times as fast as Lhotse.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, nargs="+", default=[2000])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--lhotse", action="store_true")
    parser.add_argument("--rounds", type=int, default=4, help="the table gives the median")
    arguments = parser.parse_args()
    began = time.time()
    ray.init(
        address="local",
        num_cpus=arguments.cores,
        include_dashboard=False,
        logging_level=logging.ERROR,
        log_to_driver=False,
    )
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    started = time.time() - began
    memory: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "audio").mkdir()
        make_clips(folder / "audio", max(arguments.clips))
        for clips in arguments.clips:
            (folder / str(clips)).mkdir()
            (folder / str(clips) / "audio").symlink_to(folder / "audio")
            results = measured(folder / str(clips), clips, arguments.cores, arguments.rounds, arguments.lhotse)
            print(f"\n{clips:,} clips of {SECONDS} s at {RATE} Hz on {arguments.cores} cores, median of", end=" ")
            print(f"{arguments.rounds} rounds; starting Ray took {started:.1f} s\n")
            show(results, clips, started)
            memory[clips] = statistics.median(one.memory for one in results["Ray Data"])
    if len(memory) > 1:
        least, most = min(memory), max(memory)
        print(f"\n{most:,} clips took {memory[most] / memory[least]:.2f} times the memory of {least:,}.")


if __name__ == "__main__":
    main()
