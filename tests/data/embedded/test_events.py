"""Events: what each of them sounds like at least."""

import numpy as np
import pytest

from scaling.data.embedded.acoustics import SAMPLE_RATE
from scaling.data.embedded.draws import generator
from scaling.data.embedded.events import EVENTS


@pytest.mark.parametrize("name", EVENTS)
def test_it_is_as_long_as_asked_and_sounds(name: str) -> None:
    for seconds in (0.3, 1.5):
        wave = EVENTS[name](generator("event", name, seconds), seconds)
        assert wave.dtype == np.float32
        assert wave.size <= round(seconds * SAMPLE_RATE)
        assert np.isfinite(wave).all()
        assert wave.std() > 0.01
