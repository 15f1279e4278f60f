"""Batches on the device that trains: copied while the batch before is trained on, and cast there."""

from collections.abc import Iterator

import torch

from scaling.models.batch import Batch


def on_device(batch: Batch, device: torch.device) -> Batch:
    """A batch of the feed on the device, its features float32."""
    there = {key: value.to(device, non_blocking=True) for key, value in batch.items()}
    return {**there, "features": there["features"].float()}


def staged(batches: Iterator[Batch], device: torch.device) -> Iterator[Batch]:
    """The batches of the feed on the device; on a GPU each is copied, from pinned memory, beside what is computed."""
    if device.type != "cuda":
        yield from (on_device(batch, device) for batch in batches)
        return
    beside = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    here = torch.cuda.current_stream(device)

    def copied() -> Batch | None:
        batch = next(batches, None)
        if batch is None:
            return None
        with torch.cuda.stream(beside):
            return on_device(batch, device)

    ahead = copied()
    while (batch := ahead) is not None:
        here.wait_stream(beside)
        for value in batch.values():
            # Its memory is free for the next copy only when what is computed with it is done.
            value.record_stream(here)
        ahead = copied()
        yield batch
