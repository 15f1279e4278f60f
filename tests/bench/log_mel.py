"""Which log-mels and which resampler: speed on one core, how far they are from torchaudio's formula, and how clean.

    python tests/bench/log_mel.py [--rounds 40]

Of a clip of 10 s: log-mels by this project, by torchaudio's MelSpectrogram and by Lhotse's layers (which cut windows
without reflecting the ends, so that their values are not compared); and 44.1 kHz to 16 kHz by soxr, torchaudio and
SciPy, with what is left of a tone of 11 kHz, which must not fold back, and how a tone of 7 kHz is weakened. The rounds
go through all ways in turn; the tables give medians.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from scipy.signal import resample_poly

from scaling.data.embedded import sounds
from scaling.data.features import SAMPLE_RATE, _import_torchaudio, log_mel

RATE, SECONDS = 44_100, 10
Samples = NDArray[np.float32]


def tone(hertz: float) -> Samples:
    return np.sin(2 * np.pi * hertz * np.arange(SECONDS * RATE) / RATE).astype(np.float32)


def medians(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Milliseconds of a processor of each way."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in list(ways.items())[:: 1 if turn % 2 else -1]:
            began = time.process_time()
            way()
            times[name].append(time.process_time() - began)
    return {name: 1000 * statistics.median(some[1:]) for name, some in times.items()}


def decibels(samples: Samples) -> float:
    """Power of the middle of a clip beside that of a full tone."""
    middle = samples[SAMPLE_RATE:-SAMPLE_RATE].astype(np.float64)
    return float(10 * np.log10(2 * np.square(middle).mean() + 1e-30))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    torchaudio = _import_torchaudio()
    from lhotse.features.kaldi.layers import Wav2LogFilterBank

    samples = torch.from_numpy(np.tile(sounds.waveform(7, seed=0, split=sounds.PRETRAIN), 9)[: SECONDS * SAMPLE_RATE])
    # What recordings have and sounds by rule do not.
    samples += 1e-3 * torch.randn(len(samples), generator=torch.Generator().manual_seed(0))
    theirs = torchaudio.transforms.MelSpectrogram(SAMPLE_RATE, 512, 400, 160, n_mels=80)
    lhotse = Wav2LogFilterBank(SAMPLE_RATE, num_filters=80)
    mels = {
        "this project": lambda: log_mel(samples),
        "torchaudio": lambda: theirs(samples).clamp_(min=1e-6).log_().T,
        "Lhotse": lambda: lhotse(samples[None])[0],
    }
    ours, formula = mels["this project"](), mels["torchaudio"]()
    print("| log-mels of 10 s | ms of a processor | furthest from torchaudio | share of other numbers in fp16 |")
    print("|---|---:|---:|---:|")
    for name, spent in medians(mels, rounds).items():
        far = f"{(ours - formula).abs().max():.1e} | {(ours.half() != formula.half()).float().mean():.0e}"
        print(f"| {name} | {spent:.1f} | {far if name == 'this project' else ' | '} |")
    kernel = torchaudio.transforms.Resample(RATE, SAMPLE_RATE, lowpass_filter_width=64)
    resamplers: dict[str, Callable[[Samples], Samples]] = {
        "soxr, HQ (this project's)": lambda x: soxr.resample(x, RATE, SAMPLE_RATE, quality="HQ"),
        "soxr, VHQ": lambda x: soxr.resample(x, RATE, SAMPLE_RATE, quality="VHQ"),
        "torchaudio, width 64": lambda x: kernel(torch.from_numpy(x)).numpy(),
        "SciPy, resample_poly": lambda x: resample_poly(x, 160, 441).astype(np.float32),
    }
    clip, high, low = tone(440), tone(11_000), tone(7_000)
    spent = medians({name: lambda way=way: way(clip) for name, way in resamplers.items()}, rounds)
    print("\n| 10 s of 44.1 kHz to 16 kHz | ms of a processor | 11 kHz left, dB | 7 kHz, dB |\n|---|---:|---:|---:|")
    for name, way in resamplers.items():
        print(f"| {name} | {spent[name]:.1f} | {decibels(way(high)):.0f} | {decibels(way(low)):.2f} |")


if __name__ == "__main__":
    main()
