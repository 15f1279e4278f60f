"""Styles of captions on their way from a manifest to a batch."""

import numpy as np
import pytest
from corpora import HOLDOUT, PART_CLIPS, TinyCorpus, lay_down, tone, write

from scaling.data.clip import Clip
from scaling.data.columns import Cleaning, batches
from scaling.data.feed import Feed
from scaling.data.index import write_index
from scaling.data.store import Store
from scaling.data.styles import styles_of
from scaling.data.tokenizer import caption_number, normalized
from scaling.errors import StudyError

CLIPS = 24


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Every clip has a human caption, every second one two of tags."""
    root = tmp_path_factory.mktemp("styled")
    corpus = TinyCorpus(root / "audio")
    for number in range(CLIPS):
        captions = [f"human {number}", f"tags {number}", f"tags again {number}"][: 1 + 2 * (number % 2)]
        corpus.add("birds", f"{number:03d}", tone(number), captions)
        corpus.cuts["birds"][-1]["supervisions"][0]["custom"]["caption_style"] = ["human", "attribute", "tags"]
    description = lay_down(root / "store", corpus)
    write(root / "store", corpus, description, *range(CLIPS // PART_CLIPS))
    assert write_index(root / "store") == CLIPS
    return Store(root / "store")


def drawn(store: Store, style: str, first: bool) -> list[tuple[int, int]]:
    places = store.subset(8, (), style)
    feed = Feed(store, places, store.holdout, 0, 8, 0.3, 16, caption_style=style, first_caption=first)
    found = []
    for step in range(20):
        batch, (clips, _) = feed.batch(step), feed.drawn(step)
        found += list(zip(clips.tolist(), batch["caption"].tolist(), strict=True))
    return found


@pytest.mark.parametrize(("style", "first"), [("", False), ("human", False), ("attribute", False), ("attribute", True)])
def test_a_run_learns_from_captions_of_its_style_alone(store: Store, style: str, first: bool):
    seen: dict[int, set[int]] = {}
    for place, number in drawn(store, style, first):
        seen.setdefault(place, set()).add(number)
    assert len(seen) == 8
    begins = {"human": ("human",), "attribute": ("tags",), "": ("human", "tags")}[style]
    for place, numbers in seen.items():
        captions = [text for text in store.captions(place) if text.startswith(begins)][: 1 if first else None]
        assert numbers == {caption_number(normalized(text)) for text in captions}


def test_a_subset_has_clips_with_a_caption_of_the_style(store: Store):
    tagged = [place for place in store.subset(CLIPS - HOLDOUT) if len(store.captions(int(place))) == 3]
    np.testing.assert_array_equal(store.subset(len(tagged), (), "attribute"), tagged)
    np.testing.assert_array_equal(store.subset(20, (), "human"), store.subset(20))
    with pytest.raises(
        StudyError, match=rf"{len(tagged) + 1} clips with a caption of style attribute asked for, the larg"
    ):
        store.subset(len(tagged) + 1, (), "attribute")
    with pytest.raises(StudyError, match="of style rewritten asked for, the largest possible size here is 0"):
        store.subset(1, (), "rewritten")


def test_captions_are_found_as_before(store: Store):
    """A part with styles says the rest as others do."""
    assert store.clips(["id", "captions"]).height == CLIPS
    assert store.index.styles.tolist() == [1 | 4 * (len(store.captions(place)) == 3) for place in range(CLIPS)]


@pytest.mark.parametrize(
    ("said", "written", "styles"),
    [
        ("human", ["a", "b"], ("human", "human")),
        ("human_title", ["a", "b"], ("human", "")),
        (["human", "tags"], ["a", "b"], ("human", "attribute")),
        (["human", "tags"], ["...", "b"], ("attribute",)),
        (["human"], ["a", "b"], ("human", "")),
        (["human", "human", "human"], ["a"], ("human",)),
        ("poem", ["a"], ()),
        (None, ["a"], ()),
        (7, "a", ()),
        ("human", None, ()),
    ],
)
def test_what_is_said_of_captions(said: object, written: object, styles: tuple[str, ...]):
    several = written if isinstance(written, list) else [written]
    captions = tuple(text for text in several if isinstance(text, str) and normalized(text))
    assert styles_of(said, written, captions) == styles
    assert len(styles) in (0, len(captions))


def test_what_is_known_of_a_source_is_the_style_of_captions_that_say_none():
    lines = [Clip("a/1", "a", "x", 2.0, ("rain", "wind"), "1.flac"), Clip("b/1", "b", "x", 2.0, ("rain",), "2.flac")]
    lines.append(lines[0]._replace(id="a/2", styles=("human", "")))
    [batch] = batches(lines, Cleaning("s", 1.0, 60.0, styles={"a": "rewritten"}))
    assert batch.clips.column("styles").to_pylist() == [["rewritten", "rewritten"], [], ["human", ""]]
