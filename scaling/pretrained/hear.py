"""An encoder by the contract of the HEAR benchmark (Turian et al. 2022): functions of a module."""

import torch
from torch import nn

from scaling.pretrained.encoder import PretrainedEncoder, from_pretrained


class HearModel(nn.Module):
    """What `load_model` returns: a pretrained encoder with the attributes that HEAR asks for."""

    def __init__(self, encoder: PretrainedEncoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.sample_rate = int(encoder.sample_rate)
        self.scene_embedding_size = self.timestamp_embedding_size = int(encoder.width)


def load_model(path: str = "") -> HearModel:
    """The model in the folder that `scaling export` wrote."""
    return HearModel(from_pretrained(path or "."))


def get_timestamp_embeddings(audio: torch.Tensor, model: HearModel) -> tuple[torch.Tensor, torch.Tensor]:
    """Audio float [n, samples] in -1 to 1 to frames float32 [n, time, width] and the middle of each in ms, float32 [n,
    time]. A last frame whose middle lies past the end is left out, unless it is the only one."""
    frames, _ = model.encoder(audio)
    hop, duration = 1000 * model.encoder.hop_seconds, 1000 * audio.shape[1] / model.sample_rate
    # The first log-mel frame of a frame stands at its beginning, the last one a step before its end; and of what an
    # encoder hears of a window beyond its frames half lies before them.
    windows = model.encoder.windows
    units = model.encoder.stride - 1 + windows.frames - windows.hop
    first = 1000 * units * model.encoder.unit_seconds / 2
    stamps = torch.arange(frames.shape[1], device=frames.device) * hop + first
    kept = max(int((stamps <= duration).sum()), 1)
    return frames[:, :kept], stamps[:kept].clamp(max=duration).expand(len(frames), -1)


def get_scene_embeddings(audio: torch.Tensor, model: HearModel) -> torch.Tensor:
    """Audio float [n, samples] in -1 to 1 to one vector a clip: float32 [n, width]."""
    return model.encoder.clip_vectors(audio)
