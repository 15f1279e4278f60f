"""How fast preparation is beside a bare Python loop that does the same on the same cores.

    python tests/bench/prepare.py [--clips 2000] [--cores 2] [--rounds 4] [--lhotse]

Makes noise clips of 10 s at 44.1 kHz (FLAC) in a temporary folder and prepares them twice a round, once by
bare processes (decode, resample, log-mel, the same parts; each takes the next part from a common queue) and
once by Ray Data. The time is from the first clip read to the last part renamed; what comes before is start-up,
a column of its own (Ray itself is started once, before the rounds). Prints a Markdown table; the two stores
must be equal to the byte. With --lhotse, Lhotse's own extraction of log-mels to disk runs beside them over the same
clips: its processes are started and warm before its time begins, as ours are.
"""

import argparse
import logging
import multiprocessing
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")

import numpy as np
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

SECONDS, RATE = 10, 44_100


def make_clips(folder: Path, clips: int) -> None:
    """Noise with the slope of music and speech (-6 dB an octave), so that FLAC has something to decode."""
    for index in range(clips):
        rng = np.random.default_rng(index)
        samples = np.cumsum(rng.standard_normal(SECONDS * RATE, dtype=np.float32))
        samples -= np.convolve(samples, np.full(64, 1 / 64, np.float32), "same")
        soundfile.write(folder / f"{index:05d}.flac", 0.3 * samples / np.abs(samples).max(), RATE)


def make_store(folder: Path, clips: int) -> Description:
    rows = (Clip(f"noise/{i:05d}", "noise", "noise", SECONDS, (f"noise {i}",), f"{i:05d}.flac") for i in range(clips))
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

    recordings = [Recording.from_file(audio / f"{index:05d}.flac") for index in range(clips)]
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=2000)
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
    results: dict[str, list[tuple[float, float]]] = {"bare loop": [], "Ray Data": []}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "audio").mkdir()
        make_clips(folder / "audio", arguments.clips)
        for turn in range(arguments.rounds):
            stores = {name: folder / f"{name.replace(' ', '-')}-{turn}" for name in results}
            # Whoever comes first may find colder caches: the order alternates.
            for name, store in list(stores.items())[:: 1 if turn % 2 else -1]:
                description = make_store(store, arguments.clips)
                results[name].append(
                    bare(store, folder / "audio", description, arguments.cores)
                    if name == "bare loop"
                    else by_ray(store, folder / "audio", description)
                )
            one, other = stores["bare loop"], stores["Ray Data"]
            if arguments.lhotse:
                there = folder / f"lhotse-{turn}"
                times = by_lhotse(there, folder / "audio", arguments.clips, arguments.cores)
                results.setdefault("Lhotse, to disk", []).append(times)
                shutil.rmtree(there)
            for part in one.glob("part-*.arrow"):
                assert part.read_bytes() == (other / part.name).read_bytes(), f"{part.name} differs"
                part.unlink()
                (other / part.name).unlink()
    ratios = {
        name: statistics.median(b[1] / r[1] for b, r in zip(results["bare loop"], times, strict=True))
        for name, times in results.items()
    }
    print(f"{arguments.clips:,} clips of {SECONDS} s at {RATE} Hz on {arguments.cores} cores, median of", end=" ")
    print(f"{arguments.rounds} rounds; starting Ray took {started:.1f} s\n")
    print("| | start-up, s | first clip read to last part renamed, s | clips/s | of the bare loop |")
    print("|---|---:|---:|---:|---:|")
    for name, times in results.items():
        startup, span = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"| {name} | {startup:.1f} | {span:.1f} | {arguments.clips / span:.0f} | {ratios[name]:.2f} |")
    sums = {name: statistics.median(sum(time) for time in times) for name, times in results.items()}
    print(f"\nWith start-up Ray Data has {sums['bare loop'] / sums['Ray Data']:.2f} of the bare loop's rate.")


if __name__ == "__main__":
    main()
