"""The extractors of the `transformers` library's audio encoders: what each makes of audio."""

from collections.abc import Mapping
from typing import Any

from scaling.errors import StudyError

TYPES = {
    "audio-spectrogram-transformer": "ASTFeatureExtractor",
    "whisper": "WhisperFeatureExtractor",
    "clap_audio_model": "ClapFeatureExtractor",
    "wav2vec2": "Wav2Vec2FeatureExtractor",
    "wavlm": "Wav2Vec2FeatureExtractor",
    "hubert": "Wav2Vec2FeatureExtractor",
}
RATES = {"clap_audio_model": 48_000}
RATE = 16_000
FIXED = {"whisper": {"n_fft": 400, "hop_length": 160, "dither": 0.0}}
"""What of an extractor cannot be otherwise here."""
NUMBERS = ("mean", "std", "hop_length", "fft_window_size", "frequency_min", "frequency_max", "max_length_s")
BINS = {"audio-spectrogram-transformer": "num_mel_bins", "whisper": "feature_size", "clap_audio_model": "feature_size"}


def own_extractor(name: str, config: Mapping[str, Any], described: Mapping[str, Any]) -> dict[str, Any]:
    """What `HubOptions.extractor` says of an encoder's extractor: of one that is `described` as the library saves it,
    with the library's own defaults for what is not, and for all of it where nothing is at hand.

    Raises `StudyError` for another rate, another kind, numbers of bins that are not the encoder's, and for what this
    project does not make.
    """
    kind = str(config.get("model_type", ""))
    rate, wanted = described.get("sampling_rate", RATES.get(kind, RATE)), RATES.get(kind, RATE)
    if rate != wanted:
        raise StudyError(f"the encoder {name} hears audio of {rate} Hz, and a {kind} is heard here at {wanted} Hz")
    for key in NUMBERS:
        if not isinstance(described.get(key, 0), int | float):
            raise StudyError(f"the extractor of {name} has {key} {described[key]}: it must be a number")
    made = described.get("feature_extractor_type", TYPES.get(kind))
    if made != TYPES.get(kind):
        raise StudyError(f"the encoder {name} hears what a {made} makes: of a {kind} only {TYPES.get(kind)} is known")
    for key, value in FIXED.get(kind, {}).items():
        if described.get(key, value) != value:
            raise StudyError(f"the extractor of {name} has {key} {described[key]}: only {value} is made here")
    bins = described.get(BINS.get(kind, ""))
    if bins is not None and bins != config.get("num_mel_bins", bins):
        raise StudyError(f"the encoder {name} sees {config['num_mel_bins']} mel bins, and its extractor makes {bins}")
    if kind == "audio-spectrogram-transformer":
        if (longest := described.get("max_length", config.get("max_length"))) != config.get("max_length", longest):
            raise StudyError(f"the encoder {name} sees {config['max_length']} frames, its extractor makes {longest}")
        if not described.get("do_normalize", True):
            return {"mean": 0.0, "std": 0.5}
        return {"mean": described.get("mean", -4.2677393), "std": described.get("std", 4.5689974)}
    if kind == "clap_audio_model":
        return _clap(name, config, described)
    return {"normalize": bool(described.get("do_normalize", True))} if kind != "whisper" else {"own": True}


def _clap(name: str, config: Mapping[str, Any], described: Mapping[str, Any]) -> dict[str, Any]:
    if described.get("top_db") is not None:
        raise StudyError(f"the extractor of {name} has top_db {described['top_db']}: only none is made here")
    fused = described.get("truncation", "fusion" if config.get("enable_fusion") else "rand_trunc") == "fusion"
    found = {
        "rate": RATES["clap_audio_model"],
        "hop": described.get("hop_length", 480),
        "fft": described.get("fft_window_size", 1024),
        "low": described.get("frequency_min", 0),
        "high": described.get("frequency_max", 14_000),
        "scale": "htk" if fused else "slaney",
        "seconds": described.get("max_length_s", 10),
        "padding": described.get("padding", "repeatpad"),
    }
    size, bins = config.get("spec_size", 256), config.get("num_mel_bins", 64)
    frames = 1 + int(found["seconds"] * found["rate"]) // max(int(found["hop"]), 1)
    if frames > (room := size * (size // bins)):
        raise StudyError(f"the encoder {name} has room for {room} frames, and its extractor makes {frames} of a clip")
    if found["padding"] not in ("repeatpad", "repeat", "pad"):
        raise StudyError(f"the extractor of {name} pads by {found['padding']}: known are repeatpad, repeat and pad")
    return found
