"""What encoders hear, as their options name it."""

import json
from dataclasses import asdict

import pytest
from pydantic import TypeAdapter

from scaling.errors import StudyError
from scaling.models.formats import Format, LogMel, Waveform, formats_in_order, heard_by, usual_log_mel
from scaling.models.options import TransformerOptions, ZipformerOptions


def test_formats_that_differ_are_told_apart_by_their_names():
    formats = [
        LogMel(), LogMel(bins=128), LogMel(window=512), LogMel(hop=320), LogMel(rate=48_000), LogMel(floor=1e-10),
        LogMel(fft=1024), LogMel(scale="slaney"), Waveform(), Waveform(8_000),
    ]  # fmt: skip
    assert len({str(one) for one in formats}) == len(formats)
    assert str(LogMel()) == "log-mels (80 bins of 25 ms every 10 ms at 16 kHz, FFT 512, floor 1e-06)"
    assert str(Waveform()) == "audio (16 kHz)"


@pytest.mark.parametrize("one", [LogMel(), LogMel(bins=128, scale="slaney"), Waveform(), Waveform(8_000)])
def test_they_come_back_from_json(one: Format):
    # The fields of a waveform are among those of log-mels: the kind tells them apart.
    assert TypeAdapter(Format).validate_json(json.dumps(asdict(one)), strict=True) == one


def test_lengths():
    assert LogMel(bins=128).shape(401) == (401, 128)
    assert LogMel(hop=320).shape(401) == (201, 80)
    assert LogMel(hop=480, window=1024, fft=1024, rate=48_000).shape(401) == (401, 80)
    assert Waveform().shape(401) == (64_000,)
    assert (LogMel().frame, LogMel(hop=80).frame, LogMel(hop=320).frame, Waveform().frame) == (1, 2, 1, 160)
    assert (LogMel().bytes_a_second, Waveform().bytes_a_second) == (16_000, 19_200)


@pytest.mark.parametrize(
    "fields", [{"bins": 0}, {"hop": 0}, {"window": 513}, {"window": 0}, {"floor": 0.0}, {"rate": 0}, {"rate": 22_051}]
)
def test_what_makes_no_frames_is_refused(fields: dict[str, float]):
    with pytest.raises(StudyError, match=r"^[^\n]*$"):
        LogMel(**fields)


def test_the_usual_log_mels_at_another_rate():
    assert usual_log_mel(16_000) == LogMel()
    assert usual_log_mel(48_000) == LogMel(window=1200, hop=480, rate=48_000, fft=2048)
    assert usual_log_mel(48_000).shape(401) == (401, 80)


def test_formats_in_order():
    wide = LogMel(bins=128)
    assert formats_in_order([Waveform(), wide, LogMel(), wide]) == (LogMel(), wide, Waveform())
    with pytest.raises(StudyError, match=r"16 kHz.* and .*48 kHz.*: a study hears its clips at one sample rate"):
        formats_in_order([LogMel(), Waveform(48_000)])


def test_encoders_hear_the_usual_log_mels_if_they_do_not_say():
    assert heard_by(TransformerOptions()) == heard_by(ZipformerOptions()) == heard_by(object()) == LogMel()
