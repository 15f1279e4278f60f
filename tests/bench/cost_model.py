"""What preparing and feeding takes, as a law fitted here, checked here, and said of CaptionStew.

    python tests/bench/cost_model.py [--hours 36000] [--clips 9300000] [--cores 16 64 256] [--rounds 5]

Fitted on clips of 2, 5 and 20 s at 44.1 kHz on one core: seconds to prepare a clip = a + b x its seconds, bytes of it
likewise; seconds to feed one = c + d x its seconds. The laws are then asked for clips of 10 s, and what they say is
held against what is measured. Rounds go through all lengths in turn, and medians are taken. For a corpus the laws give
cores, hours and bytes.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import soundfile
import torch

from scaling.data.catalogue import catalogue
from scaling.data.clip import Clip
from scaling.data.description import Description, Limits
from scaling.data.feed import Feed
from scaling.data.index import write_index
from scaling.data.parts import write_part
from scaling.data.prepare import catalogue_rows
from scaling.data.store import Store, create_store, read_tokenizer

RATE, FITTED, ASKED = 44_100, (2, 5, 20), 10
CLIPS = 128


def recorded(folder: Path, seconds: int) -> None:
    """A store of clips of so many seconds, laid down, and their recordings."""
    audio = folder / "audio"
    audio.mkdir(parents=True)
    for index in range(CLIPS):
        samples = np.cumsum(np.random.default_rng(index).standard_normal(seconds * RATE, dtype=np.float32))
        samples -= np.convolve(samples, np.full(64, 1 / 64, np.float32), "same")
        soundfile.write(audio / f"{index:05d}.flac", 0.3 * samples / np.abs(samples).max(), RATE)
    rows = (Clip(f"noise/{i:05d}", "noise", "noise", seconds, (f"noise {i}",), f"{i:05d}.flac") for i in range(CLIPS))
    ranked, rejects = catalogue(rows, salt="bench", min_seconds=1.0, max_seconds=60.0)
    create_store(folder / "store", ranked, rejects, Description("bench", len(ranked), 0, 1.0, 60.0))


def costs(folder: Path) -> np.ndarray:
    """Seconds to prepare a clip, its bytes in the store, and seconds to feed it."""
    store, audio, limits = folder / "store", str(folder / "audio"), Limits(1.0, 60.0)
    some, tokenizer = catalogue_rows(store, 0, 256), read_tokenizer(store)
    # What starts once is not the clips'.
    write_part(some.head(8), store, 7, tokenizer, audio, limits)
    began = time.monotonic()
    name = write_part(some, store, 0, tokenizer, audio, limits)
    spent = time.monotonic() - began
    assert write_index(store) == len(some)
    opened = Store(store)
    feed = Feed(opened, opened.subset(len(some)), opened.subset(1), 0, 32, 60.0, 16)
    feed.batch(0)
    began_feeding, steps = time.monotonic(), 40
    for step in range(steps):
        feed.batch(step)
    fed = (time.monotonic() - began_feeding) / (32 * steps)
    return np.array([spent / len(some), (store / name).stat().st_size / len(some), fed])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=9_300_000)
    parser.add_argument("--hours", type=float, default=36_000, help="of audio, all clips together")
    parser.add_argument("--cores", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as made:
        folders = {seconds: Path(made) / str(seconds) for seconds in (*FITTED, ASKED)}
        for seconds, folder in folders.items():
            recorded(folder, seconds)
        found = [{seconds: costs(folder) for seconds, folder in folders.items()} for _ in range(arguments.rounds)]
        measured = {seconds: np.median([each[seconds] for each in found], axis=0) for seconds in folders}
    design = np.array([[1.0, seconds] for seconds in FITTED])
    laws, *_ = np.linalg.lstsq(design, np.array([measured[seconds] for seconds in FITTED]), rcond=None)
    names, scales = ("preparing, ms", "bytes", "feeding, ms"), np.array([1e3, 1, 1e3])
    told = np.array([1.0, ASKED]) @ laws
    print(f"| a clip | law, s its seconds | of {ASKED} s: law | measured | off by |\n|---|---|---:|---:|---:|")
    for name, scale, law, said, real in zip(names, scales, laws.T, told, measured[ASKED], strict=True):
        fixed, slope = law * scale
        off = said / real - 1
        print(f"| {name} | {fixed:,.2f} + {slope:,.3f} s | {said * scale:,.2f} | {real * scale:,.2f} | {off:+.0%} |")
    whole = np.array([arguments.clips, arguments.hours * 3600]) @ laws
    print(f"\n{arguments.clips:,} clips, {arguments.hours:,.0f} hours of audio: {whole[1] / 1e12:.1f} TB.\n")
    print("| cores | hours to prepare | hours to feed once |\n|---:|---:|---:|")
    for cores in arguments.cores:
        print(f"| {cores} | {whole[0] / cores / 3600:,.1f} | {whole[2] / cores / 3600:,.2f} |")


if __name__ == "__main__":
    main()
