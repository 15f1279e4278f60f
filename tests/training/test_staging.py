"""Batches on the device are those of the feed, in order."""

from collections.abc import Iterator

import pytest
import torch

from scaling.models.batch import Batch
from scaling.training.staging import on_device, staged

DEVICES = [
    torch.device("cpu"),
    pytest.param(torch.device("cuda"), marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")),
]


def batches(device: torch.device) -> Iterator[Batch]:
    for number in range(5):
        features = torch.randn(4, 10 + number, 80, generator=torch.Generator().manual_seed(number)).half()
        batch = {"features": features, "lengths": torch.full((4,), number)}
        yield {key: value.pin_memory() for key, value in batch.items()} if device.type == "cuda" else batch


@pytest.mark.parametrize("device", DEVICES)
def test_they_come_in_order_and_as_float32(device: torch.device) -> None:
    there = list(staged(batches(device), device))
    assert len(there) == 5
    for here, batch in zip(batches(device), there, strict=True):
        assert batch["features"].dtype == torch.float32
        assert batch["features"].device.type == device.type
        # Half precision has no number that single has not.
        assert torch.equal(batch["features"].cpu(), here["features"].float())
        assert torch.equal(batch["lengths"].cpu(), here["lengths"])
        assert torch.equal(on_device(here, device)["features"], batch["features"])
