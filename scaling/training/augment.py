"""SpecAugment (Park et al. 2019): masked stretches of time and of mel bins."""

import torch

from scaling.models.encoder import LOG_MEL_MEAN
from scaling.study.run import Data


def spec_augment(
    features: torch.Tensor,
    lengths: torch.Tensor,
    data: Data,
    generator: torch.Generator,
    worker: int,
    workers: int,
    frame: int = 1,
) -> torch.Tensor:
    """A float32 copy of log-mels [batch, time, bins] with masks of random width and place set to the mean level; of
    waveforms [batch, samples], with the same masks of time set to silence, and none of bins.

    Widths are uniform up to `time_mask_frames` and `mel_mask_bins`, a time mask never longer than a fifth of its clip;
    `frame` is how many features along time 10 ms are. Masks are drawn for the whole batch and dealt to workers as clips
    are, so that a clip's masks do not depend on the number of workers.
    """
    batch, frames, *bins = features.shape
    device = features.device

    def draws(masks: int) -> torch.Tensor:
        return torch.rand(batch * workers, masks, 2, generator=generator)[worker::workers].to(device, non_blocking=True)

    def masked(positions: int, draw: torch.Tensor, widest: torch.Tensor, room: torch.Tensor) -> torch.Tensor:
        width = (draw[..., 0] * (widest[:, None] + 1)).floor()
        start = (draw[..., 1] * (room[:, None] - width + 1).clamp(min=1)).floor()
        place = torch.arange(positions, device=device)
        return ((place >= start[..., None]) & (place < (start + width)[..., None])).any(dim=1)

    widest_time = torch.minimum(torch.full((batch,), data.time_mask_frames * frame, device=device), lengths // 5)
    time = masked(frames, draws(data.time_masks), widest_time, lengths)
    if not bins:
        return features.masked_fill(time, 0.0)
    widest_mel = torch.full((batch,), data.mel_mask_bins, device=device)
    mel = masked(bins[0], draws(data.mel_masks), widest_mel, torch.full((batch,), bins[0], device=device))
    # A copy in single precision first, and a mask at a time: arithmetic in half precision, and a mask of every single
    # number, take a CPU longer.
    copy = features.to(torch.float32, copy=True)
    return copy.masked_fill_(time[:, :, None], LOG_MEL_MEAN).masked_fill_(mel[:, None, :], LOG_MEL_MEAN)
