"""Audio as a store keeps it."""

import numpy as np
import pytest

from scaling.data.flac import flac, flac_samples

RNG = np.random.default_rng(0)
NOISE = RNG.uniform(-0.9, 0.9, 16_000).astype(np.float32)


def test_recordings_of_16_bits_come_back_to_the_bit():
    numbers = RNG.integers(-(2**15), 2**15, 4000)
    numbers[:2] = -(2**15), 2**15 - 1
    samples = (numbers / 2**15).astype(np.float32)
    np.testing.assert_array_equal(flac_samples(flac(samples, 16_000)), samples)


def test_others_come_back_to_half_a_step():
    np.testing.assert_allclose(flac_samples(flac(NOISE, 16_000)), NOISE, atol=0.5 / 2**15)


def test_what_is_too_loud_is_turned_down_and_not_cut_off():
    np.testing.assert_allclose(flac_samples(flac(5 * NOISE, 8_000)), NOISE / np.abs(NOISE).max(), atol=1.1 / 2**15)


@pytest.mark.parametrize(("start", "count"), [(0, 100), (4321, 1600), (15_990, 100), (16_000, 5), (20_000, 5), (7, -1)])
def test_a_stretch_of_it_is_that_stretch(start: int, count: int):
    content = flac(NOISE, 16_000)
    stretch = flac_samples(content)[start:][: None if count < 0 else count]
    np.testing.assert_array_equal(flac_samples(content, start, count), stretch)


def test_the_bytes_depend_on_the_samples_alone():
    assert flac(NOISE, 16_000) == flac(NOISE.copy(), 16_000)
    assert len(flac(NOISE, 16_000)) < 2.1 * len(NOISE)
