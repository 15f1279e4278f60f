"""Fixtures that several packages of tests share: a tiny corpus on disk, and the real recordings."""

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from corpora import TinyCorpus, tone
from object_store import ObjectStore
from started import SMALL, Started
from study_corpus import write_corpus

# The thread count decides the last bits, and two test processes share two cores.
torch.set_num_threads(1)
# Ray reads its token once a process; without one it would leave one in the home of who runs the tests.
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))

# What a node remembers is the tests' own, and of these tests.
_remembered = tempfile.TemporaryDirectory()
os.environ["XDG_CACHE_HOME"] = _remembered.name

REALSTEW = Path(__file__).resolve().parents[2] / "shared" / "realstew"


@pytest.fixture(scope="session")
def realstew() -> Path:
    """The folder of real recordings beside the repository."""
    if not (REALSTEW / "tasks.toml").exists():
        pytest.skip(f"the real recordings are not at {REALSTEW}")
    return REALSTEW


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For two processes (`make test`): the longest tests begin at once, in one of them, which makes their study once;
    the other steals from its end."""
    items.sort(key=lambda item: "undisturbed" not in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command line of a study that takes a minute."""
    return [*SMALL, *write_corpus(tmp_path_factory.mktemp("corpus"))]


@pytest.fixture(scope="session")
def undisturbed(small_study: list[str], tmp_path_factory: pytest.TempPathFactory) -> Started:
    """That study, done."""
    study = Started(tmp_path_factory.mktemp("undisturbed") / "study", *small_study)
    assert study.ended() == 0, study.log.read_text()
    return study


@pytest.fixture(scope="session")
def _s3() -> Iterator[ObjectStore]:
    store = ObjectStore()
    yield store
    store.close()


@pytest.fixture
def object_store(_s3: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """An S3 that the environment names; the cache of this node is the test's own."""
    for name, value in {**_s3.environment, "XDG_CACHE_HOME": str(tmp_path / "cache")}.items():
        monkeypatch.setenv(name, value)
    return _s3


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
