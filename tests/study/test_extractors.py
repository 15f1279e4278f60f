"""What is said of extractors, and those that cannot be used."""

from typing import Any

import pytest

from scaling.errors import StudyError
from scaling.study.extractors import own_extractor


def test_what_is_not_said_is_as_the_library_has_it() -> None:
    assert own_extractor("x", {"model_type": "hubert"}, {}) == {"normalize": True}
    assert own_extractor("x", {"model_type": "wav2vec2"}, {"do_normalize": False}) == {"normalize": False}
    ast = {"model_type": "audio-spectrogram-transformer"}
    assert own_extractor("x", ast, {"mean": -6.0}) == {"mean": -6.0, "std": 4.5689974}
    assert own_extractor("x", ast, {"do_normalize": False}) == {"mean": 0.0, "std": 0.5}
    clap = own_extractor("x", {"model_type": "clap_audio_model"}, {})
    assert (clap["scale"], clap["rate"], clap["hop"]) == ("slaney", 48_000, 480)
    assert own_extractor("x", {"model_type": "clap_audio_model"}, {"truncation": "fusion"})["scale"] == "htk"


@pytest.mark.parametrize(
    ("config", "described", "said"),
    [
        (
            {"model_type": "wav2vec2"},
            {"sampling_rate": 8000},
            "audio of 8000 Hz, and a wav2vec2 is heard here at",
        ),
        ({"model_type": "clap_audio_model"}, {"sampling_rate": 16_000}, "is heard here at 48000 Hz"),
        ({"model_type": "hubert"}, {"feature_extractor_type": "EncodecFeatureExtractor"}, "only Wav2Vec2Feature"),
        ({"model_type": "whisper"}, {"n_fft": 512}, "has n_fft 512: only 400 is made here"),
        (
            {"model_type": "whisper", "num_mel_bins": 80},
            {"feature_size": 128},
            "80 mel bins, and its extractor makes 128",
        ),
        ({"model_type": "audio-spectrogram-transformer", "max_length": 99}, {"max_length": 1024}, "sees 99 frames"),
        ({"model_type": "audio-spectrogram-transformer"}, {"mean": "low"}, "has mean low: it must be a number"),
        ({"model_type": "clap_audio_model"}, {"top_db": 80}, "has top_db 80: only none is made here"),
        (
            {"model_type": "clap_audio_model"},
            {"max_length_s": 30},
            "room for 1024 frames, .* makes 3001",
        ),
        ({"model_type": "clap_audio_model"}, {"padding": "mirror"}, "pads by mirror: known are repeatpad"),
    ],
)
def test_what_cannot_be_made_is_one_line(config: dict[str, Any], described: dict[str, Any], said: str) -> None:
    with pytest.raises(StudyError, match=said) as refused:
        own_extractor("mine", config, described)
    assert "\n" not in str(refused.value)
