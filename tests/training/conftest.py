import pytest
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
