"""From frames to one vector a clip."""

import torch

from scaling.models.encoder import valid


def masked_mean(frames: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """The mean over valid positions: [batch, time, width] and lengths [batch] to [batch, width]."""
    inside = valid(lengths, frames.shape[1])[..., None].to(frames.dtype)
    return (frames * inside).sum(dim=1) / inside.sum(dim=1).clamp(min=1)
