import pytest
from tiny import Pair, shared_pair


@pytest.fixture
def pair() -> Pair:
    """Two workers in a gloo group."""
    return shared_pair()
