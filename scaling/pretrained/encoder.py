"""An encoder that has left its study: a folder with config.json and model.safetensors, samples in, frames out.

config.json         what the encoder is, by its name in the table of encoders; the rate it hears; its windows
model.safetensors   its weights under `encoder.`, and the mel filters
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from scaling.errors import StudyError
from scaling.models.encoder import Encoder
from scaling.models.formats import Format, LogMel, heard_by
from scaling.models.options import ENCODERS
from scaling.pretrained.audio import at_rate, read_audio
from scaling.pretrained.log_mels import LogMels

CONFIG, WEIGHTS = "config.json", "model.safetensors"
FORMAT = 1
WINDOWS_AT_ONCE = 32


@dataclass(frozen=True)
class Windows:
    """How long audio is heard: in windows of so many log-mel frames (or samples, of an encoder that hears these), of
    which each begins so many after the one before. An encoder's frames of one follow those of the one before without a
    gap."""

    frames: int
    hop: int


class PretrainedEncoder(nn.Module):
    """A frozen audio encoder. Audio of any length is heard in windows as long as what it was trained on; what a clip
    becomes does not depend on the others of its batch.

    Attributes:
        sample_rate: Hz of the samples that it hears.
        width: numbers of a frame and of a clip's vector.
        hop_seconds: from one frame to the next.
        log_mels: makes what the encoder hears of samples, unless it hears these.
    """

    def __init__(self, encoder: Encoder, windows: Windows) -> None:
        super().__init__()
        hears: Format = encoder.hears
        self.encoder, self.windows = encoder, windows
        self.log_mels = LogMels(hears) if isinstance(hears, LogMel) else None
        self.sample_rate, self.width, self.stride = hears.rate, encoder.width, encoder.stride
        self.unit_seconds = (hears.hop if isinstance(hears, LogMel) else 1) / hears.rate
        self.hop_seconds = encoder.stride * self.unit_seconds
        self.eval().requires_grad_(False)

    @torch.no_grad()
    def forward(
        self, audio: torch.Tensor | Sequence[torch.Tensor], lengths: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Samples at the encoder's rate, float [batch, samples] of which `lengths` int64 [batch] count (None: all), or
        a list of float [samples]; to frames float32 [batch, time, width], zero past each clip's end, and how many there
        are of each, int64 [batch]."""
        counts = [len(one) for one in audio] if lengths is None else lengths.tolist()
        device = next(self.encoder.parameters()).device
        samples = [one[:count].to(device, torch.float32) for one, count in zip(audio, counts, strict=True)]
        heard = samples if self.log_mels is None else [self.log_mels(one) for one in samples]
        pieces = [(clip, start) for clip, log_mel in enumerate(heard) for start in self._starts(len(log_mel))]
        # Windows of like length stand together, so that little is padding.
        cut = {(clip, start): heard[clip][start : start + self.windows.frames] for clip, start in pieces}
        found: dict[tuple[int, int], torch.Tensor] = {}
        order = sorted(pieces, key=lambda piece: len(cut[piece]))
        for first in range(0, len(order), WINDOWS_AT_ONCE):
            some = order[first : first + WINDOWS_AT_ONCE]
            sizes = torch.tensor([len(cut[piece]) for piece in some], device=device)
            batch = nn.utils.rnn.pad_sequence([cut[piece] for piece in some], batch_first=True)
            frames, frame_counts = self.encoder(batch, sizes)
            for piece, row, count in zip(some, frames.float(), frame_counts.tolist(), strict=True):
                found[piece] = row[:count]
        clips = [torch.cat([found[piece] for piece in pieces if piece[0] == clip]) for clip in range(len(heard))]
        ends = torch.tensor([len(clip) for clip in clips], device=device)
        return nn.utils.rnn.pad_sequence(clips, batch_first=True), ends

    def clip_vectors(
        self, audio: torch.Tensor | Sequence[torch.Tensor], lengths: torch.Tensor | None = None
    ) -> torch.Tensor:
        """One vector a clip, the mean of its frames: float32 [batch, width]; the audio as of `forward`."""
        frames, counts = self(audio, lengths)
        vectors: torch.Tensor = frames.sum(dim=1) / counts[:, None]
        return vectors

    def encode(
        self, samples: NDArray[np.floating[Any]] | torch.Tensor, sample_rate: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """One clip's samples [samples], at their rate in Hz, to its frames float32 [time, width] and its vector float32
        [width].

        Raises `StudyError` for audio of another rate where soxr is not installed, and for samples that are none.
        """
        given = samples.detach().cpu().numpy() if isinstance(samples, torch.Tensor) else np.asarray(samples)
        if given.ndim != 1 or not given.size or not np.isfinite(given).all():
            raise StudyError(f"samples of shape {given.shape}: give those of one channel, all of them finite")
        frames, _ = self([at_rate(given.astype(np.float32), sample_rate, self.sample_rate)])
        return frames[0], frames[0].mean(dim=0)

    def encode_file(self, path: str | Path) -> tuple[torch.Tensor, torch.Tensor]:
        """A file's frames float32 [time, width] and its vector float32 [width]; channels are averaged.

        Raises `StudyError` as `encode` does, and for a file that cannot be read.
        """
        return self.encode(*read_audio(path))

    def _starts(self, frames: int) -> list[int]:
        """Where the windows of so many log-mel frames begin: the last one has something that none has heard before."""
        overlap = self.windows.frames - self.windows.hop
        return list(range(0, max(frames - overlap, 1), self.windows.hop))


@torch.no_grad()
def windows_of(encoder: Encoder, frames: int) -> Windows:
    """The windows of an encoder that was trained on so many log-mel frames (or samples) at most: so many or a few more,
    by what it makes of a window of zeros."""
    steps = -(-frames // encoder.stride)
    if hasattr(encoder, "longest"):
        # More than it has positions for it cannot hear.
        steps = max(frames // encoder.stride, 1)
    frames = steps * encoder.stride
    encoder.eval()
    bins = (encoder.hears.bins,) if isinstance(encoder.hears, LogMel) else ()
    made = encoder(torch.zeros(1, frames, *bins), torch.tensor([frames]))[1]
    return Windows(frames, min(int(made) * encoder.stride, frames))


def config_of(options: Any, windows: Windows, run: str) -> dict[str, Any]:
    """What config.json says of an encoder by its options, and of the run that it is from."""
    return {
        "format": FORMAT,
        "run": run,
        "encoder": ENCODERS.to_json(options),
        "sample_rate": heard_by(options).rate,
        "windows": asdict(windows),
    }


def from_pretrained(folder: str | Path) -> PretrainedEncoder:
    """The encoder that lies in a folder, in evaluation mode, on the CPU.

    Raises `StudyError` where there is none, it is damaged, or of another version of this project.
    """
    config, weights = Path(folder) / CONFIG, Path(folder) / WEIGHTS
    try:
        described = json.loads(config.read_text(encoding="utf-8"))
        options, windows = _options(described), Windows(**described["windows"])
    except OSError as error:
        raise StudyError(f"no encoder in {folder}: {error.strerror}: {config}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise StudyError(f"{config} is damaged, or of another version of this project: {error!r}") from None
    made = PretrainedEncoder(ENCODERS.builder_of(options)(options), windows)
    try:
        made.load_state_dict(load_file(weights))
    except (OSError, SafetensorError) as error:
        raise StudyError(f"cannot read {weights}: {error}") from None
    except RuntimeError as error:
        raise StudyError(
            f"{weights} is not of the encoder in {config}: {str(error).splitlines()[-1].strip()}"
        ) from None
    return made.eval()


def _options(described: Mapping[str, Any]) -> Any:
    """The options of the encoder that a config.json describes, made without what checks a run's."""
    if described["format"] != FORMAT:
        raise ValueError("format")
    fields = dict(described["encoder"])
    kind = ENCODERS[fields.pop("name")].options
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()})
