"""Embeddings of labelled clips by a frozen encoder, computed once and probed many times."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from scaling.data.feed import crop_frames, padded
from scaling.data.store import Store
from scaling.errors import StudyError
from scaling.models.encoder import Encoder
from scaling.models.formats import Format, LogMel
from scaling.models.pooling import masked_mean
from scaling.probes.frames import FramesFile

BATCH = 64
LEAST = 5
"""Frames of 10 ms of a waveform that are heard by themselves; what is less, at the end of a longer clip, is left out:
of some encoders it makes no frame."""


def _windows(
    store: Store, places: NDArray[np.integer[Any]], frames: int, heard: Format
) -> Iterator[tuple[NDArray[np.integer[Any]], NDArray[np.int64]]]:
    """Clips cut into consecutive windows of `frames`: (places, starts), in batches of like length."""
    # Log-mels are centred on the ends of what they are of: samples lie between them, one less.
    step, left_out = (frames, 0) if isinstance(heard, LogMel) else (frames - 1, 1 + LEAST)
    counts = np.maximum(-(-(store.frames[places] - left_out) // step), 1)
    starts = np.concatenate([np.arange(count) * step for count in counts])
    places = np.repeat(places, counts)
    order = np.argsort(np.minimum(store.frames[places] - starts, frames), kind="stable")
    for first in range(0, len(order), BATCH):
        some = order[first : first + BATCH]
        yield places[some], starts[some]


@torch.no_grad()
def embed(
    store: Store,
    places: NDArray[np.integer[Any]],
    encoder: Encoder,
    crop_seconds: float,
    device: torch.device,
    kept: FramesFile | None = None,
) -> torch.Tensor:
    """The mean over all frames of each clip: float32 [clips of the store, width], on the CPU.

    A clip longer than `crop_seconds` is encoded window by window, as long as the encoder was trained on.
    Clips that are not at `places` are NaN. `kept` takes all frames. Raises `StudyError` where they are not finite.
    """
    encoder.eval()
    frames_a_window = crop_frames(crop_seconds)
    gpu = device.type == "cuda"
    found: list[tuple[torch.Tensor, torch.Tensor]] = []
    of: list[NDArray[np.integer[Any]]] = []
    for some, starts in _windows(store, places, frames_a_window, encoder.hears):
        batch = padded(store, some, starts, frames_a_window, encoder.hears, gpu)
        features = batch["features"].to(device, non_blocking=True).float()
        frames, lengths = encoder(features, batch["lengths"].to(device, non_blocking=True))
        if kept is not None:
            kept.add(some, starts, frames, lengths)
        # They stay on the device until all are there: to wait for each would leave it idle in between.
        found.append((masked_mean(frames, lengths).float() * lengths[:, None], lengths))
        of.append(some)
    sums, weights = torch.zeros(len(store), encoder.width), torch.zeros(len(store))
    if found:
        index = torch.from_numpy(np.concatenate(of))
        vectors, lengths = (torch.cat(column).cpu() for column in zip(*found, strict=True))
        sums.index_add_(0, index, vectors)
        weights.index_add_(0, index, lengths.float())
    means = sums / weights[:, None]
    chosen = torch.from_numpy(np.array(places, np.int64))
    if len(bad := chosen[~means[chosen].isfinite().all(1)]):
        raise StudyError(
            f"the encoder's output is not finite for {len(bad):,} of {len(chosen):,} clips, "
            f"{store.clip_id(int(bad[0]))} among them: it cannot be probed"
        )
    return means
