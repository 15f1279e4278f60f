"""Voices: the pitch that was asked for, and melodies that do not tell it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from scaling.data.embedded.acoustics import SAMPLE_RATE, Signal
from scaling.data.embedded.draws import Draw, generator
from scaling.data.embedded.voices import CAST, INTONATIONS, Speaker, Utterance, contour


def fundamental(wave: NDArray[np.float64] | Signal, low: float, high: float) -> float:
    """The lag of the highest autocorrelation, as Hz, refined by a parabola through its neighbours."""
    spectrum = np.fft.rfft(np.asarray(wave, np.float64) * np.hanning(wave.size), 4 * wave.size)
    score = np.fft.irfft(np.abs(spectrum) ** 2)
    first, last = int(SAMPLE_RATE / high), int(SAMPLE_RATE / low) + 1
    lag = first + int(np.argmax(score[first:last]))
    left, peak, right = score[lag - 1 : lag + 2]
    return float(SAMPLE_RATE / (lag + 0.5 * (left - right) / (left - 2 * peak + right)))


@pytest.mark.parametrize("speaker", [CAST[k] for k in (0, 4, 9, 12, 17, 18, 20)], ids=lambda s: s.name)
def test_pitch_of_a_voice(speaker: Speaker) -> None:
    """The median f0 over the frames of a flat phrase is what was asked, within 3 %."""
    said = Utterance.draw(Draw("pitch", speaker), 1.6, speaker=speaker, intonation="flat")
    wave = said.dry(generator("pitch", speaker))
    frames = wave[: wave.size // 640 * 640].reshape(-1, 640)
    loud = frames[(frames**2).sum(1) > np.median((frames**2).sum(1))]
    pitches = [fundamental(frame, 0.7 * said.pitch, 1.5 * said.pitch) for frame in loud]
    assert np.median(pitches) == pytest.approx(said.pitch, rel=0.03)


def test_intonations() -> None:
    along = np.linspace(0.0, 1.0, 1001)
    for name in INTONATIONS:
        melody = contour(name, along, 8.0)
        assert abs(melody.mean()) < 0.02  # the mean pitch does not tell the intonation
        assert np.ptp(melody) == pytest.approx(0.0 if name == "flat" else 8.0)
    assert contour("rising", along, 8.0)[-1] > 4 > -3 > contour("rising", along, 8.0)[0]
    assert contour("falling", along, 8.0)[0] > 4 > -3 > contour("falling", along, 8.0)[-1]
    assert np.argmax(contour("rise-fall", along, 8.0)) == 500


@pytest.mark.parametrize("intonation", ["rising", "falling"])
def test_rendered_intonation(intonation: str) -> None:
    said = Utterance.draw(Draw("tone"), 1.8, speaker=CAST[13], intonation=intonation)
    wave = said.dry(generator("tone"))
    half = wave.size // 2
    pitches = []
    for part in (wave[:half], wave[half:]):
        frames = part[: part.size // 640 * 640].reshape(-1, 640)
        loud = frames[(frames**2).sum(1) > np.median((frames**2).sum(1))]
        pitches.append(np.median([fundamental(f, 0.6 * said.pitch, 1.7 * said.pitch) for f in loud]))
    assert (pitches[1] > 1.1 * pitches[0]) == (intonation == "rising")
    assert (pitches[0] > 1.1 * pitches[1]) == (intonation == "falling")
