"""What it costs good clips that they are decoded in a process of their own, where no file can take down who asks.

    python tests/bench/decoding.py [--rounds 24]

Clips of 10 s in several forms are made into log-mels twice a round: decoded by the process that the store's writers
ask (`decoding.py`), and decoded right here by the same code. The first two ratios are of medians over the rounds, by
processor time of both processes together and by the clock; the last is that of asking for one clip at a time.
Prints a Markdown table.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from unittest import mock

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray

from scaling.data import decoding
from scaling.data.decoder import Wanted, decode
from scaling.data.decoding import decoded
from scaling.data.features import log_mel, resampled

CLIPS, SECONDS = 48, 10
FORMS = [("FLAC", 16_000, 1), ("FLAC", 44_100, 1), ("FLAC", 44_100, 2), ("MP3", 44_100, 2), ("OGG", 48_000, 1)]
Found = Iterator[tuple[NDArray[np.float32], int]]


def make_clips(folder: Path, form: str, rate: int, channels: int) -> list[Wanted]:
    """Noise with the slope of music and speech (-6 dB an octave)."""
    for index in range(CLIPS):
        samples = np.cumsum(np.random.default_rng(index).standard_normal((SECONDS * rate, channels)), axis=0)
        samples -= samples.mean(axis=0)
        soundfile.write(folder / f"{index}", 0.3 * samples / np.abs(samples).max(), rate, format=form)
    return [Wanted(str(folder / f"{index}"), 0.0, float(SECONDS)) for index in range(CLIPS)]


def here(wanted: list[Wanted]) -> Found:
    memory = np.empty(2**20, np.float32)
    for one in wanted:
        found, rate = decode(one, memory)
        yield memory[:found], rate


def in_its_process(wanted: list[Wanted]) -> Found:
    for found in decoded(wanted):
        assert isinstance(found, tuple)
        yield found


def one_at_a_time(wanted: list[Wanted]) -> Found:
    with mock.patch.object(decoding, "AT_ONCE", 1):
        yield from in_its_process(wanted)


def processor_time() -> float:
    """Of both processes, seconds."""
    ran = Path(f"/proc/{decoding._decoder().process.pid}/schedstat").read_text().split()[0]
    return time.process_time() + int(ran) / 1e9


def measure(wanted: list[Wanted], decode_all: Callable[[list[Wanted]], Found]) -> tuple[float, float]:
    """Seconds on a processor and on the clock for all clips."""
    began, clock = processor_time(), time.perf_counter()
    for samples, rate in decode_all(wanted):
        log_mel(torch.from_numpy(resampled(samples, rate))).numpy().astype(np.float16)
    return processor_time() - began, time.perf_counter() - clock


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=24)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    print("| 10 s of | decoded here, ms of processor | in its process | on the clock | one clip at a time |")
    print("|---|---:|---:|---:|---:|")
    for form, rate, channels in FORMS:
        with tempfile.TemporaryDirectory() as folder:
            wanted = make_clips(Path(folder), form, rate, channels)
            times: dict[Callable[[list[Wanted]], Found], list[tuple[float, float]]] = {
                way: [] for way in (here, in_its_process, one_at_a_time)
            }
            for turn in range(rounds + 1):
                for way in list(times)[:: 1 if turn % 2 else -1]:
                    times[way].append(measure(wanted, way))
        # Of the first round some is start-up.
        processor = {way: median(one for one, _ in some[1:]) for way, some in times.items()}
        clock = {way: median(one for _, one in some[1:]) for way, some in times.items()}
        print(
            f"| {form} at {rate:,} Hz, {channels} channel{'s'[: channels - 1]} | {1000 * processor[here] / CLIPS:.1f} "
            f"| {processor[in_its_process] / processor[here]:.3f} | {clock[in_its_process] / clock[here]:.3f} "
            f"| {processor[one_at_a_time] / processor[here]:.3f} |"
        )


if __name__ == "__main__":
    main()
