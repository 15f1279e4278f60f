"""Clips cleaned line by line and laid down as columns."""

from hypothesis import given, settings
from hypothesis import strategies as st

from scaling.data.clip import Clip, Reject, refusal
from scaling.data.columns import LEAK, Cleaning, audio_place, batches, rank_keys

CLEANING = Cleaning("salt", 1.0, 60.0)


def clip(number: int, audio: str = "a.flac") -> Clip:
    return Clip(f"birds/{number}", "birds", "nature", 2.0, ("a bird", "sings"), audio)


words = st.text(max_size=5) | st.sampled_from(["a" * 2000, "犬" * 100, "a\n", "\ud800", "x" * 20_000, ""])
numbers = st.floats() | st.sampled_from([1.0, 60.0, 0.0, 1e9])
texts = st.lists(words, max_size=3).map(tuple)
made = st.builds(Clip, words, st.just("birds"), words, numbers, texts, words, numbers, st.none() | st.integers(0, 3))


@settings(max_examples=300, deadline=None)
@given(st.lists(made, max_size=8))
def test_of_each_clip_is_found_what_refusal_finds(several: list[Clip]):
    """However ordinary it and the clips beside it are."""
    good = [one for one in several if refusal(one, 1.0, 60.0) is None]
    for batch in batches(several, CLEANING):
        assert batch.clips.column("id").to_pylist() == [one.id for one in good]
        assert batch.clips.column("captions").to_pylist() == [list(one.captions) for one in good]
        assert batch.clips.column("key").to_pylist() == rank_keys((one.id for one in good), "salt").tolist()
        reasons = [found for one in several if (found := refusal(one, 1.0, 60.0))]
        assert sorted(batch.rejects.column("reason").to_pylist()) == sorted(reasons)


def test_batches_are_of_clips_and_rejects_together_in_their_order():
    lines = [Reject(f"line {n}", "birds", "", "no cut") if n % 3 == 1 else clip(n) for n in range(10)]
    found = list(batches(lines, CLEANING, size=4))
    assert [len(batch.clips) + len(batch.rejects) for batch in found] == [4, 4, 2]
    clips = [row for batch in found for row in batch.clips.to_pylist()]
    assert clips == [
        {**line._asdict(), "captions": list(line.captions), "styles": [], "key": rank_keys([line.id], "salt").item()}
        for line in lines
        if isinstance(line, Clip)
    ]
    rejects = [row for batch in found for row in batch.rejects.to_pylist()]
    assert rejects == [
        {"id": f"line {n}", "source": "birds", "audio": "", "stage": "manifest", "reason": "no cut"} for n in (1, 4, 7)
    ]


names = st.lists(st.sampled_from(["a", "b", "a.flac", ".", "..", ""]), min_size=1, max_size=5).map("/".join)


@settings(max_examples=300, deadline=None)
@given(names.filter(bool))
def test_a_leak_is_found_by_its_place_however_it_is_written(audio: str):
    place = audio_place("a/a.flac", "/root")
    [batch] = batches([clip(0, audio)], Cleaning("s", 1.0, 60.0, "/root", frozenset({place})))
    leaks = audio_place(audio, "/root") == place
    assert batch.rejects.column("reason").to_pylist() == [LEAK] * leaks
    assert len(batch.clips) == 1 - leaks


def test_rejects_can_be_written_down_whatever_is_in_their_names():
    [batch] = batches([Reject("a\ud800 line 3", "birds", "\udcff.flac", "not \udc80 a cut")], CLEANING)
    [row] = batch.rejects.to_pylist()
    assert (row["id"], row["audio"], row["reason"]) == (r"a\ud800 line 3", r"\udcff.flac", r"not \udc80 a cut")
