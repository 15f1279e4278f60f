"""The numbers of a data card, counted by hand."""

from pathlib import Path

import pytest
from corpora import TinyCorpus, lay_down, spoiled, tone, write

from scaling.data.card import card
from scaling.data.index import write_index
from scaling.data.store import Store
from scaling.data.tokenizer import normalized
from scaling.errors import StudyError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("card")
    corpus = TinyCorpus(root / "audio")
    for number in range(20):
        captions = [f"A bird, number {number}!", "a bird number", "A BIRD: number"][: 1 + 2 * (number % 2)]
        corpus.add("birds" if number < 12 else "bees", f"{number:03d}", tone(number, 0.3 + 0.01 * number), captions)
    spoiled(corpus)
    description = lay_down(root / "store", corpus)
    write(root / "store", corpus, description, *range(-(-description.clips // 8)))
    write_index(root / "store")
    return root / "store"


def test_every_number_is_that_of_the_clips(folder: Path):
    found = card(folder, [5])
    store = Store(folder)
    assert found.sizes["clips"].to_list() == [5, 16]
    for row in found.sizes.to_dicts():
        places = store.subset(row["clips"])
        captions = [normalized(text) for place in places for text in store.captions(int(place))]
        words = [word for text in captions for word in text.split()]
        pairs = [pair for text in captions for pair in zip(text.split(), text.split()[1:], strict=False)]
        assert row["captions"] == len(captions)
        assert row["words"] == len(words)
        assert row["distinct words"] == len(set(words))
        assert row["distinct-1"] == pytest.approx(len(set(words)) / len(words))
        assert row["distinct-2"] == pytest.approx(len(set(pairs)) / len(pairs))
        assert row["hours"] == pytest.approx(store.index.seconds[places].sum() / 3600)
        doubled = sum(len(store.captions(int(place))) == 3 for place in places)
        assert row["doubled captions"] == doubled
        of_it = found.shares.filter(size=row["clips"], kind="source")
        assert dict(of_it.select("name", "clips").iter_rows()) == {
            name: sum(store.clip_id(int(place)).startswith(name) for place in places)
            for name in {store.clip_id(int(place)).split("/")[0] for place in places}
        }


def test_every_clip_that_was_left_out_is_counted_once(folder: Path):
    rejects = card(folder).rejects
    assert set(rejects["source"]) == {"dogs"}
    assert rejects["clips"].sum() == 7
    assert dict(rejects.filter(stage="audio").select("reason", "clips").iter_rows()) == {
        "missing audio file": 1,
        "unreadable audio": 1,
        "silent audio": 1,
        "audio shorter than 0.2 s when decoded": 1,
    }


def test_a_size_that_is_not_there(folder: Path, tmp_path: Path):
    with pytest.raises(StudyError, match="17 clips asked for, the largest possible size here is 16"):
        card(folder, [17])
    with pytest.raises(StudyError, match="no prepared store"):
        card(tmp_path)
