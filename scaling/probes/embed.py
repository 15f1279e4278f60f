"""Embeddings of labelled clips by a frozen encoder, computed once and probed many times."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from scaling.data.features import HOP, SAMPLE_RATE
from scaling.data.feed import padded_log_mels
from scaling.data.store import Store
from scaling.models.pooling import masked_mean

BATCH = 64


def _windows(store: Store, frames: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Every clip cut into consecutive windows of what the encoder was trained on: (places, starts), in
    batches of like length."""
    counts = np.maximum(-(-store.frames // frames), 1)
    places = np.repeat(np.arange(len(store)), counts)
    starts = np.concatenate([np.arange(count) * frames for count in counts])
    order = np.argsort(np.minimum(store.frames[places] - starts, frames), kind="stable")
    for first in range(0, len(order), BATCH):
        some = order[first : first + BATCH]
        yield places[some], starts[some]


@torch.no_grad()
def embed(
    store: Store,
    encoder: nn.Module,
    crop_seconds: float,
    device: torch.device,
    head: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = masked_mean,
) -> torch.Tensor:
    """One vector a clip of the store: float32 [clips, width], on the CPU.

    A clip longer than `crop_seconds` is encoded window by window, and a vector is the mean over windows
    weighted by their frames; with mean pooling that is the mean over all its frames. `head` makes a vector of
    encoded frames and their lengths.
    """
    encoder.eval()
    sums: torch.Tensor | None = None
    weights = torch.zeros(len(store))
    for places, starts in _windows(store, 1 + int(crop_seconds * SAMPLE_RATE) // HOP):
        batch = padded_log_mels(store, places, starts, 1 + int(crop_seconds * SAMPLE_RATE) // HOP)
        frames, lengths = encoder(batch["features"].to(device), batch["lengths"].to(device))
        vectors, lengths = head(frames, lengths).float().cpu(), lengths.cpu()
        if sums is None:
            sums = torch.zeros(len(store), vectors.shape[1])
        index = torch.from_numpy(places)
        sums.index_add_(0, index, vectors * lengths[:, None])
        weights.index_add_(0, index, lengths.float())
    assert sums is not None
    return sums / weights[:, None]


def log_mel_statistics(store: Store) -> torch.Tensor:
    """The reference features: mean and standard deviation over time of a clip's log-mels, float32 [clips,
    160]."""
    rows = []
    for place in range(len(store)):
        frames = store.log_mel(place).astype(np.float32)
        rows.append(np.concatenate([frames.mean(axis=0), frames.std(axis=0)]))
    return torch.from_numpy(np.stack(rows))
