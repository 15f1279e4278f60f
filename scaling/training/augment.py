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
    """Log-mels [batch, time, bins] in float32 with masks of random width and place set to the mean level; waveforms
    [batch, samples] with the same masks of time set to silence, and none of bins. In place, where they are float32.

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

    # In single precision first: arithmetic in half precision takes a CPU longer.
    x = features.float()
    widest_time = torch.minimum(torch.full((batch,), data.time_mask_frames * frame, device=device), lengths // 5)
    _set(x, masked(frames, draws(data.time_masks), widest_time, lengths), LOG_MEL_MEAN if bins else 0.0)
    if bins:
        widest_mel = torch.full((batch,), data.mel_mask_bins, device=device)
        room = torch.full((batch,), bins[0], device=device)
        _set(x.transpose(1, 2), masked(bins[0], draws(data.mel_masks), widest_mel, room), LOG_MEL_MEAN)
    return x


def _set(x: torch.Tensor, mask: torch.Tensor, value: float) -> None:
    """Set what a mask [batch, positions] is true of: on a CPU only that is touched, a GPU would wait to know where it
    is."""
    if x.device.type == "cpu":
        x.index_put_(mask.nonzero(as_tuple=True), torch.tensor(value))
    else:
        x.masked_fill_(mask.reshape(*mask.shape, *(1,) * (x.ndim - 2)), value)
