"""Waveforms and noise against their formulas."""

import numpy as np
import pytest

from scaling.data.embedded.acoustics import SAMPLE_RATE, coloured, cycles, noise, sawtooth
from scaling.data.embedded.draws import generator


def test_sawtooth() -> None:
    """Harmonic k of 500 Hz has level 2/(pi k)."""
    wave = sawtooth(cycles(np.full(SAMPLE_RATE, 500.0)))
    level = np.abs(np.fft.rfft(wave))[500:2001:500] / (SAMPLE_RATE / 2)
    np.testing.assert_allclose(level, 2 / np.pi / np.arange(1, 5), rtol=0.06)


@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
def test_colour_of_noise(slope: float) -> None:
    wave = noise(generator("colour"), 1 << 16, coloured(slope))
    power = np.abs(np.fft.rfft(wave)) ** 2
    hertz = np.fft.rfftfreq(wave.size, 1 / SAMPLE_RATE)
    bands = [(200.0 * 2**k, 400.0 * 2**k) for k in range(5)]
    levels = [np.log2(power[(hertz >= low) & (hertz < high)].mean()) for low, high in bands]
    assert np.polyfit(range(5), levels, 1)[0] == pytest.approx(-slope, abs=0.1)
