"""What is made once: read back to the bit, made again where it is damaged, and never made twice."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from object_store import ObjectStore

from scaling.probes.once import Made, once
from scaling.probes.retrieval import text_features
from scaling.probes.ridge_retrieval import shared_features

MADE: Made = ({"a": torch.randn(3, 2), "b": torch.tensor([1, 2])}, {"words": "ü [1]", "flops": "3.5"})


def equal(one: Made, other: Made) -> bool:
    return one[1] == other[1] and all(torch.equal(one[0][key], other[0][key]) for key in MADE[0])


@pytest.fixture
def counting() -> tuple[list[int], Callable[[], Made]]:
    calls: list[int] = []

    def make() -> Made:
        calls.append(1)
        return MADE

    return calls, make


def test_it_is_made_once_of_what_it_is_made_of(tmp_path: Path, counting: tuple[list[int], Callable[[], Made]]) -> None:
    calls, make = counting
    for _ in range(3):
        assert equal(once(tmp_path / "shared", "a-task", "these words", make), MADE)
    assert len(calls) == 1
    once(tmp_path / "shared", "a-task", "other words", make)
    assert len(calls) == 2
    assert len(list((tmp_path / "shared").iterdir())) == 2
    assert equal(once(None, "a-task", "these words", make), MADE)
    assert len(calls) == 3


@pytest.mark.parametrize("damage", ["cut", "bit", "other", "empty"])
def test_what_is_damaged_is_made_again(
    tmp_path: Path, counting: tuple[list[int], Callable[[], Made]], damage: str
) -> None:
    calls, make = counting
    once(tmp_path, "a", "b", make)
    [file] = tmp_path.iterdir()
    whole = file.read_bytes()
    flipped = bytes([whole[-1] ^ 1])
    file.write_bytes({"cut": whole[:-3], "bit": whole[:-1] + flipped, "other": b"no tensors", "empty": b""}[damage])
    assert equal(once(tmp_path, "a", "b", make), MADE)
    assert len(calls) == 2
    assert file.read_bytes() == whole
    assert list(tmp_path.iterdir()) == [file]


def test_workers_that_need_it_at_once_have_the_same(tmp_path: Path) -> None:
    meet = threading.Barrier(4)

    def make() -> Made:
        meet.wait()
        return MADE

    found: list[Made] = []
    workers = [threading.Thread(target=lambda: found.append(once(tmp_path, "a", "b", make))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 4
    assert all(equal(one, MADE) for one in found)
    assert len(list(tmp_path.iterdir())) == 1
    assert equal(once(tmp_path, "a", "b", lambda: pytest.fail("made again")), MADE)


def test_text_features_are_those_that_are_not_shared(tmp_path: Path) -> None:
    train, captions = ["a dog barks", "rain on a roof", "a dog and rain"], ["rain", "nothing known"]
    expected = text_features(train, captions)
    for _ in range(2):
        for one, other in zip(shared_features(tmp_path, "retrieval", train, captions), expected, strict=True):
            assert torch.equal(one, other)
    assert len(list(tmp_path.iterdir())) == 1


def test_in_an_object_store_too(object_store: ObjectStore, counting: tuple[list[int], Callable[[], Made]]) -> None:
    calls, make = counting
    shared = object_store.bucket() / "study" / "shared"
    for _ in range(2):
        assert equal(once(shared, "a", "b", make), MADE)
    assert len(calls) == 1
