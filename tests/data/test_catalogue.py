"""The order of the mixture: nested, proportional, and a function of ids alone."""

from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling.data.catalogue import REJECTS, catalogue, check_audio_is_there, ranked
from scaling.data.clip import Clip
from scaling.data.columns import Cleaning, batches, rank_keys
from scaling.data.reading import tables
from scaling.errors import StudyError

LIMITS = {"min_seconds": 1.0, "max_seconds": 60.0}


def clip(source: str, index: int | str, **fields: object) -> Clip:
    name = f"{source}/{index}"
    whole = {"domain": "any", "seconds": 2.0, "captions": (f"caption of {name}",), "audio": f"{name}.flac"}
    return Clip(name, source, **{**whole, **fields})  # type: ignore[arg-type]


def order(clips: list[Clip], salt: str = "salt") -> list[str]:
    return catalogue(clips, salt=salt, **LIMITS)[0]["id"].to_list()


mixtures = st.lists(st.integers(1, 60), min_size=1, max_size=5)


@settings(max_examples=40, deadline=None)
@given(mixtures, st.randoms(use_true_random=False), st.text(max_size=70))
def test_every_prefix_has_the_mixture_of_the_whole_whatever_the_order_of_files(sizes, random, salt):
    clips = [clip(f"source-{s}", i) for s, size in enumerate(sizes) for i in range(size)]
    ranked = order(clips, salt)
    assert sorted(ranked) == sorted(c.id for c in clips)
    shuffled = clips.copy()
    random.shuffle(shuffled)
    assert order(shuffled, salt) == ranked

    counts: Counter[str] = Counter()
    for n, name in enumerate(ranked, start=1):
        counts[name.split("/")[0]] += 1
        for s, size in enumerate(sizes):
            assert abs(counts[f"source-{s}"] - n * size / len(clips)) <= len(sizes) / 2 + 1e-9


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=2, max_size=4), st.data())
def test_a_sources_own_order_does_not_know_the_others(sizes, data):
    """Subsets of a run that leaves a source out nest in the same way as those of one that does not."""
    clips = [clip(f"source-{s}", i) for s, size in enumerate(sizes) for i in range(size)]
    left_out = f"source-{data.draw(st.integers(0, len(sizes) - 1))}"
    for source in {c.source for c in clips} - {left_out}:
        of_all = [name for name in order(clips) if name.startswith(f"{source}/")]
        alone = [name for name in order([c for c in clips if c.source != left_out]) if name.startswith(f"{source}/")]
        assert of_all == alone == order([c for c in clips if c.source == source])


def test_another_salt_is_another_order():
    clips = [clip("a", i) for i in range(100)]
    assert order(clips, "one") != order(clips, "two")


def test_the_order_is_pinned():
    """A store made on another machine or by another version of this project has to agree with ours."""
    ranked = order([clip("a", i) for i in range(6)] + [clip("b", i) for i in range(3)], "scaling")
    assert " ".join(ranked) == "a/5 b/0 a/0 a/3 b/2 a/1 a/4 b/1 a/2"


def test_each_rejected_clip_has_the_first_reason_that_holds_and_only_it():
    clips = [
        clip("a", "good"),
        clip("a", "mute", captions=(), seconds=0.5),
        clip("a", "short", seconds=0.99, audio="a/secret.flac"),
        clip("a", "unknown", seconds=float("nan")),
        clip("a", "long", seconds=60.01),
        clip("a", "leak", audio="a/secret.flac"),
        clip("a", "good", audio="zzz.flac"),
        clip("a", "least", seconds=1.0),
        clip("a", "most", seconds=60.0),
    ]
    ranked, rejects = catalogue(clips, salt="s", test_audio={"a/secret.flac"}, **LIMITS)
    assert set(ranked["id"]) == {"a/good", "a/least", "a/most"}
    assert ranked["rank"].to_list() == [0, 1, 2]
    assert dict(rejects.select("id", "reason").iter_rows()) == {
        "a/mute": "no caption",
        "a/short": "shorter than 1 s",
        "a/unknown": "shorter than 1 s",
        "a/long": "longer than 60 s",
        "a/leak": "leak: a recording of the labelled test or validation clips",
        "a/good": "duplicate id",
    }
    assert set(rejects["stage"]) == {"manifest"}
    assert len(ranked) + len(rejects) == len(clips)


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_which_of_two_clips_of_one_id_stays_does_not_depend_on_the_order(random):
    clips = [clip("a", 0, audio=audio, captions=(words,)) for audio in ("x", "y") for words in ("one", "two")]
    # A twin that cannot be used anyway does not push a usable one out.
    clips.append(clip("a", 0, audio="a", captions=()))
    random.shuffle(clips)
    ranked, rejects = catalogue(clips, salt="s", **LIMITS)
    assert ranked.select("audio", "captions").rows() == [("x", ["one"])]
    assert sorted(rejects["reason"]) == ["duplicate id"] * 3 + ["no caption"]


@pytest.mark.parametrize(
    "written", ["esc/audio/1.flac", "./esc/audio/1.flac", "esc/../esc/audio//1.flac", "/root/esc/audio/1.flac"]
)
def test_a_leak_is_found_however_the_manifest_writes_the_path(written):
    ranked, rejects = catalogue(
        [clip("a", 0, audio=written), clip("a", 1, audio="esc/audio/11.flac")],
        salt="s",
        test_audio={"/root/esc/audio/1.flac"},
        audio_root="/root",
        **LIMITS,
    )
    assert ranked["id"].to_list() == ["a/1"]
    assert rejects["reason"].str.starts_with("leak").to_list() == [True]


def test_nothing_at_all_is_an_empty_catalogue():
    ranked, rejects = catalogue([], salt="s", **LIMITS)
    assert len(ranked) == len(rejects) == 0


def test_an_audio_root_is_refused_only_where_most_files_are_missing(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / name).touch()

    def check(*audio: str) -> None:
        check_audio_is_there(pl.DataFrame({"audio": list(audio)}, schema={"audio": pl.String}), str(tmp_path))

    check("a", "b", "gone", "lost")
    check("a", "b" * 300, "a\0", "b")
    check()
    with pytest.raises(StudyError, match=r"3 of the first 5 recordings .* such as gone") as refused:
        check("a", "b", "gone", "lost", "away")
    assert "\n" not in str(refused.value)
    check(*np.repeat("a", 200), *np.repeat("gone", 1000))


def former(clips: list[Clip], salt: str) -> list[str]:
    """The order as its definition says it, clip by clip."""
    kept: dict[str, Clip] = {}
    for one in sorted(clips, key=lambda c: (c.id, c.audio, c.start, c.seconds, c.channel or -1, "\n".join(c.captions))):
        kept.setdefault(one.id, one)
    placed = []
    for source in {c.source for c in kept.values()}:
        of_it = sorted((rank_keys([c.id], salt).item(), c.id) for c in kept.values() if c.source == source)
        placed += [((k + 0.5) / len(of_it), key, name) for k, (key, name) in enumerate(of_it)]
    return [name for _, _, name in sorted(placed)]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30), st.sampled_from("xy")), min_size=1, max_size=60))
def test_the_order_is_that_of_its_definition(drawn):
    """Sources of one size, whose clips fall on the same places, and ids that are there twice among them."""
    clips = [clip(source, index, audio=audio) for source, index, audio in drawn]
    assert order(clips) == former(clips, "salt")


def test_ids_of_one_key_go_by_the_alphabet():
    """Two of ten million have one key by accident once in hundreds of thousands of catalogues."""
    found, _ = tables(list(batches([clip("a", i) for i in (3, 1, 2)] + [clip("b", 0)], Cleaning("s", 1.0, 60.0))))
    of_one_key = found.with_columns(key=pl.lit(7, pl.Int64))
    rejects = pl.DataFrame(schema=dict.fromkeys(REJECTS, pl.String))
    for mixed in (of_one_key, of_one_key.reverse()):
        assert ranked(mixed, rejects)[0]["id"].to_list() == ["a/1", "a/2", "b/0", "a/3"]


def test_a_source_of_weight_two_is_twice_as_dense_until_it_runs_out():
    clips = [clip("a", i) for i in range(100)] + [clip("b", i) for i in range(100)]
    found = tables(list(batches(clips, Cleaning("s", 1.0, 60.0))))
    weighed, _ = ranked(*found, {"b": 2.0})
    counts = weighed["source"].head(90).value_counts().sort("source")["count"].to_list()
    assert counts == [30, 60]
    assert len(weighed) == 200
    # Its own order is what it was.
    plain, _ = ranked(*found)
    for source in "ab":
        assert weighed.filter(source=source)["id"].equals(plain.filter(source=source)["id"])
    with pytest.raises(StudyError, match="no clips of source c to weigh: there are a, b"):
        ranked(*found, {"c": 2.0})
