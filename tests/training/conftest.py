from collections.abc import Iterator

import pytest
import torch
from tiny import Pair, shared_pair, tiny_store

from scaling.data.store import Store


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """32 clips of the embedded corpus and a holdout of 8; read only."""
    return tiny_store(tmp_path_factory.mktemp("store"))


@pytest.fixture
def pair() -> Pair:
    """Two workers in a gloo group."""
    return shared_pair()


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The thread count decides the last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
