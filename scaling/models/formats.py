"""What an encoder may want to hear: log-mels of some kind, or the samples themselves. Needs no torch.

An encoder's options name one of these as `hears`; a study's store holds those that its encoders name, and the feed
hands each encoder its own.
"""

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Any, Literal

from scaling.errors import StudyError

MEL_BINS = 80
FRAMES_A_SECOND = 100
"""Lengths and crops of clips are counted in frames of 10 ms, whatever is heard of them."""


@dataclass(frozen=True)
class LogMel:
    """Log-mel frames: ln(max(power, `floor`)) of `bins` mel bands from 0 Hz to half the `rate`, over centred Hann
    windows of `window` samples in a Fourier transform of `fft`, every `hop` samples, the ends reflected. Stored as
    float16.

    `scale`: the mel scale is HTK's with triangles of height 1, or Slaney's with triangles of one area (librosa's and
    Whisper's). Bands that are narrower than rate / `fft` may hold nothing and stay at the floor.

    Raises `StudyError` for numbers that make no frames.
    """

    bins: int = MEL_BINS
    window: int = 400
    hop: int = 160
    rate: int = 16_000
    floor: float = 1e-6
    fft: int = 512
    scale: Literal["htk", "slaney"] = "htk"
    kind: Literal["log-mel"] = "log-mel"

    def __post_init__(self) -> None:
        _check_rate(self.rate)
        if self.bins < 1 or self.hop < 1 or not 1 <= self.window <= self.fft or not 0 < self.floor < 1:
            raise StudyError(
                f"{self}: bins and hop must be positive, the window between 1 and the samples of the Fourier "
                "transform, the floor between 0 and 1"
            )

    def __str__(self) -> str:
        window, hop = (f"{1000 * samples / self.rate:g} ms" for samples in (self.window, self.hop))
        scale = "" if self.scale == "htk" else f", {self.scale}"
        return (
            f"log-mels ({self.bins} bins of {window} every {hop} at {self.rate / 1000:g} kHz, "
            f"FFT {self.fft}, floor {self.floor:g}{scale})"
        )

    def shape(self, frames: int) -> tuple[int, ...]:
        """What is heard of a stretch from the middle of a first frame of 10 ms to that of a last one: [time, bins]."""
        return 1 + (frames - 1) * self.rate // FRAMES_A_SECOND // self.hop, self.bins

    @property
    def frame(self) -> int:
        """How many of its own frames 10 ms are, one at least."""
        return max(self.rate // FRAMES_A_SECOND // self.hop, 1)

    @property
    def bytes_a_second(self) -> float:
        """What a second of audio takes in a store."""
        return self.rate / self.hop * self.bins * 2


@dataclass(frozen=True)
class Waveform:
    """The samples themselves, mono, from -1 to 1. Stored as FLAC of 16 bits.

    Raises `StudyError` for a rate that cannot be.
    """

    rate: int = 16_000
    kind: Literal["waveform"] = "waveform"

    def __post_init__(self) -> None:
        _check_rate(self.rate)

    def __str__(self) -> str:
        return f"audio ({self.rate / 1000:g} kHz)"

    def shape(self, frames: int) -> tuple[int, ...]:
        """What is heard of a stretch from the middle of a first frame of 10 ms to that of a last one: [samples]."""
        return ((frames - 1) * self.frame,)

    @property
    def frame(self) -> int:
        """Samples of 10 ms."""
        return self.rate // FRAMES_A_SECOND

    @property
    def bytes_a_second(self) -> float:
        """About what a second of audio takes in a store: speech, music and sounds shrink to half or so."""
        return self.rate * 1.2


def usual_log_mel(rate: int) -> LogMel:
    """The project's usual log-mels, of audio at another rate: windows of 25 ms every 10 ms."""
    window = rate // 40
    return LogMel(window=window, hop=rate // FRAMES_A_SECOND, rate=rate, fft=max(512, 1 << (window - 1).bit_length()))


Format = LogMel | Waveform
"""What an encoder hears of a clip."""


def _check_rate(rate: int) -> None:
    if not 1_000 <= rate <= 384_000 or rate % FRAMES_A_SECOND:
        raise StudyError(f"audio at {rate} Hz: a rate must be a multiple of {FRAMES_A_SECOND} from 1,000 to 384,000")


def heard_by(options: Any) -> Format:
    """What the encoder of these options hears."""
    heard: Format = getattr(options, "hears", LogMel())
    return heard


def formats_in_order(formats: Iterable[Format]) -> tuple[Format, ...]:
    """Each format once: log-mels first, those of fewer bins before others.

    Raises `StudyError` where they are of several sample rates, which one store cannot hold.
    """
    found = tuple(sorted(set(formats), key=lambda one: (one.kind, astuple(one))))
    if len({one.rate for one in found}) > 1:
        raise StudyError(
            f"{' and '.join(map(str, found))}: a study hears its clips at one sample rate, leave the encoders of "
            "other rates to a study of their own"
        )
    return found
