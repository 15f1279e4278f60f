"""Instruments: partials where their table puts them, and how notes end."""

import numpy as np
import pytest

from scaling.data.embedded.acoustics import SAMPLE_RATE
from scaling.data.embedded.draws import generator
from scaling.data.embedded.instruments import INSTRUMENTS, Instrument, Note, played


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda i: i.name)
def test_pitch_of_a_note(instrument: Instrument) -> None:
    """The strongest low partial lies where the instrument's table puts it, within 1.5 %."""
    tone = played(instrument, Note(0.0, 0.6, 3.0, 3.0), generator("note"))
    hertz = np.fft.rfftfreq(8 * tone.size, 1 / SAMPLE_RATE)
    spectrum = np.abs(np.fft.rfft(tone * np.hanning(tone.size), 8 * tone.size))
    asked = 220.0 * 2 ** (3 / 12) * np.array(instrument.ratios)
    strongest = hertz[np.argmax(spectrum)]
    assert np.abs(strongest / asked - 1).min() < 0.015
    near = (hertz > 0.95 * asked[0]) & (hertz < 1.05 * asked[0])
    assert hertz[near][np.argmax(spectrum[near])] == pytest.approx(asked[0], rel=0.015)


def test_held_and_struck() -> None:
    """A struck note has lost most of its level after half a second; a held one has not."""
    for instrument in INSTRUMENTS:
        tone = played(instrument, Note(0.0, 0.6, 0.0, 0.0), generator("decay"))
        early, late = tone[1600:3200].std(), tone[6400:8000].std()
        if instrument.decay:
            assert late < 0.75 * early, instrument.name
        else:
            assert late > 0.8 * early, instrument.name
