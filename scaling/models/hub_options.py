"""What configures an audio encoder of the `transformers` library (`hub.py`). Needs no torch."""

import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from scaling.errors import StudyError
from scaling.models.formats import FRAMES_A_SECOND, MEL_BINS, Format, LogMel, Waveform

LONGEST = {
    "audio-spectrogram-transformer": "max_length",
    "whisper": "max_source_positions",
    "clap_audio_model": "spec_size",
}
"""The kinds of encoders that see log-mels, and the field that says how many frames at most."""
BINS = {"audio-spectrogram-transformer": 128, "whisper": MEL_BINS, "clap_audio_model": 64}
SAMPLES = ("wav2vec2", "wavlm", "hubert")
"""The kinds that hear samples."""
NUMBERS = ("d_model", "hidden_size", "encoder_layers", "num_hidden_layers", "num_mel_bins", *LONGEST.values())
RATE = 16_000


@dataclass(frozen=True)
class HubOptions:
    """An audio encoder of the `transformers` library (`hub.py`): its configuration as JSON, with `model_type`, and its
    own extractor as `own_extractor` of `study.extractors` describes it (JSON). Its weights are random, or come by the
    run's initialization.

    Without an extractor an encoder of log-mels hears this project's, normalized by the data; with one it hears what the
    extractor would make of the same audio. Whisper's are a format of the store; those of AST and CLAP no store holds:
    such encoders hear audio, and make them themselves.

    Raises `StudyError` for a kind that is not known here, and without an extractor for other than this project's bins.
    """

    config: str = '{"model_type": "whisper"}'
    extractor: str = ""

    def __post_init__(self) -> None:
        known = (*LONGEST, *SAMPLES)
        if self.kind not in known:
            raise StudyError(f"an encoder of the kind {self.kind or 'unnamed'}: known are {', '.join(known)}")
        for name in NUMBERS:
            value = self.fields.get(name, 1)
            if not isinstance(value, int) or value < 1:
                raise StudyError(f"a {self.kind} with {name} {value}: it must be a positive number")
        if self.kind in LONGEST and not self.own and self.bins != MEL_BINS:
            raise StudyError(
                f"this {self.kind} hears {self.bins} mel bins and the store holds {MEL_BINS}: give a configuration "
                f'with "num_mel_bins": {MEL_BINS}, or name its extractor'
            )

    @cached_property
    def fields(self) -> dict[str, Any]:
        """The configuration."""
        return _object(self.config)

    @cached_property
    def own(self) -> dict[str, Any]:
        """Its extractor; nothing where it hears this project's log-mels."""
        return _object(self.extractor or "{}")

    @property
    def kind(self) -> str:
        """The library's name of it."""
        return str(self.fields.get("model_type", ""))

    @property
    def bins(self) -> int:
        """The mel bins that it sees."""
        return int(self.fields.get("num_mel_bins", BINS[self.kind]))

    @property
    def hears(self) -> Format:
        """What the store holds for it."""
        if self.kind in SAMPLES:
            return Waveform(RATE)
        if not self.own:
            return LogMel()
        if self.kind == "whisper":
            return LogMel(self.bins, window=400, fft=400, floor=1e-10, scale="slaney")
        return Waveform(int(self.own.get("rate", RATE)))

    @property
    def label(self) -> str:
        """Its kind and width."""
        return f"{self.kind}-{self.width}"

    @property
    def width(self) -> int:
        return int(self.fields.get("d_model", self.fields.get("hidden_size", 384)))

    @property
    def longest_seconds(self) -> float:
        """What it can hear at once; clips are cropped to that."""
        if self.kind in SAMPLES:
            return math.inf
        return float(self.own["seconds"]) if "seconds" in self.own else self.longest_frames / FRAMES_A_SECOND

    @property
    def longest_frames(self) -> int:
        """Log-mel frames that it sees."""
        if "seconds" in self.own:
            return 1 + int(self.own["seconds"] * self.own["rate"]) // int(self.own["hop"])
        usual = {"audio-spectrogram-transformer": 1024, "whisper": 1500, "clap_audio_model": 256}[self.kind]
        longest = int(self.fields.get(LONGEST[self.kind], usual))
        if self.kind == "clap_audio_model":
            return longest * (longest // self.bins)
        return 2 * longest if self.kind == "whisper" else longest

    @property
    def parameters(self) -> int:
        """About how many: of its blocks alone."""
        layers = self.fields.get("encoder_layers", self.fields.get("num_hidden_layers", 4))
        return 12 * self.width**2 * int(layers)


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise StudyError(f"a configuration that is no JSON object: {text[:80]}")
    return found
