"""Fixtures that several packages of tests share: a tiny corpus on disk, and the real recordings."""

from collections.abc import Callable
from pathlib import Path

import pytest
from corpora import TinyCorpus, tone

REALSTEW = Path(__file__).resolve().parents[2] / "shared" / "realstew"


@pytest.fixture(scope="session")
def realstew() -> Path:
    """The folder of real recordings beside the repository."""
    if not (REALSTEW / "tasks.toml").exists():
        pytest.skip(f"the real recordings are not at {REALSTEW}")
    return REALSTEW


@pytest.fixture
def make_corpus(tmp_path: Path) -> Callable[..., TinyCorpus]:
    """Makes a tiny corpus: `make_corpus(birds=10, dogs=5)` has that many clips of these sources."""

    def make(**sources: int) -> TinyCorpus:
        corpus = TinyCorpus(tmp_path / "audio")
        first = 0
        for source, clips in sources.items():
            for index in range(clips):
                corpus.add(source, f"{index:03d}", tone(first + index))
            first += clips
        return corpus

    return make
