"""The polyphonic sound detection score: counted by hand, and as sed_scores_eval has it."""

from collections.abc import Iterator

import numpy as np
import pytest

from scaling.probes.measured import Floats
from scaling.probes.psds import Event, area, changes, grouped, psds, staircase

CLASSES = 4
REFERENCE = {
    0: (0.6912112545833685, 0.7682807119242955),
    1: (0.552892523378966, 0.6510135234239783),
    2: (0.6339109618302669, 0.6999639744928062),
    3: (0.46899466215402114, 0.698242289011954),
}
"""By seed: what sed_scores_eval 0.0.4 (with pandas 2) gives of `case`, for alpha_st 1 and 0."""


def case(seed: int) -> tuple[list[Floats], Floats, list[list[list[Event]]]]:
    """Scores [frames, classes] of twelve clips, with ties, their seconds, and the events of each class in each clip."""
    rng = np.random.default_rng(seed)
    seconds = rng.uniform(30, 90, 12).round(2)
    scores, events = [], []
    for length in seconds.tolist():
        n = int(rng.integers(5, 60))
        middle = (np.arange(n) + 0.5) * length / n
        found = (rng.normal(size=(n, CLASSES)) * 0.8).round(1)
        spans: list[list[Event]] = [[] for _ in range(CLASSES)]
        for number, some in enumerate(spans):
            cuts = np.sort(rng.uniform(0, length, 4)).round(2).tolist()
            some += [(cuts[0], cuts[1]), (cuts[2], cuts[3])][: int(rng.integers(0, 3))]
            for onset, offset in some:
                found[(middle > onset) & (middle < offset), number] += 2
        scores.append(np.apply_along_axis(np.convolve, 0, found, np.ones(3) / 3, "same").round(2))
        events.append(spans)
    return scores, seconds, events


def by_class(scores: list[Floats], events: list[list[list[Event]]]) -> Iterator[tuple[list[Floats], list[list[Event]]]]:
    for number in range(CLASSES):
        yield [one[:, number] for one in scores], [some[number] for some in events]


@pytest.mark.parametrize("seed", REFERENCE)
def test_values_are_those_of_the_reference(seed: int):
    scores, seconds, events = case(seed)
    found = psds(by_class(scores, events), seconds, np.arange(len(seconds)))
    assert [one.value for one in found] == pytest.approx(REFERENCE[seed], abs=1e-12)


def test_values_are_those_of_the_library_where_it_is():
    library = pytest.importorskip("sed_scores_eval", reason="sed_scores_eval is not installed")
    create = library.base_modules.scores.create_score_dataframe
    scores, seconds, events = case(4)
    names = [str(number) for number in range(CLASSES)]
    tables, truths, lengths = {}, {}, {}
    for clip, (of, length, spans) in enumerate(zip(scores, seconds.tolist(), events, strict=True)):
        tables[str(clip)] = create(of, np.arange(len(of) + 1) * (length / len(of)), names)
        truths[str(clip)] = [(on, off, name) for name, some in zip(names, spans, strict=True) for on, off in some]
        lengths[str(clip)] = length
    mine = psds(by_class(scores, events), seconds, np.arange(len(seconds)))
    for alpha, one in zip((1.0, 0.0), mine, strict=True):
        settings = {"dtc_threshold": 0.7, "gtc_threshold": 0.7, "cttc_threshold": None, "alpha_ct": 0.0}
        value, *_ = library.intersection_based.psds(
            tables, truths, lengths, **settings, alpha_st=alpha, unit_of_time="hour", max_efpr=100.0
        )
        assert one.value == pytest.approx(value, abs=1e-12)


def test_a_wrong_detection_that_scores_more_comes_first():
    """In 72 s 2 wrong detections are looked at: 100 an hour."""
    scores = np.zeros(72)
    scores[10:20], scores[40] = 1.0, 2.0
    of = changes([scores], np.array([72.0]), [[(10.0, 20.0)]])
    share = staircase(of, 1, 72 / 3600)
    assert share.tolist() == [0.0, 1.0, 1.0]
    assert area([share], 72 / 3600, 0.0) == 0.5
    # The mean of two classes, less their standard deviation.
    other = np.ones(3)
    assert area([share, other], 72 / 3600, 0.0) == 0.75
    assert area([share, other], 72 / 3600, 1.0) == 0.5


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [(10, 20, 1), (10, 17, 1), (10, 16, 0), (6, 20, 1), (5, 20, 0), (0, 72, 0), (30, 40, 0)],
)
def test_the_criteria_are_met_at_seven_tenths(first: int, last: int, found: int):
    scores = np.zeros(72)
    scores[first:last] = 1.0
    of = changes([scores], np.array([72.0]), [[(10.0, 20.0)]])
    right = of.at == 1.0
    assert (of.found[right].sum(), of.wrong[right].sum()) == (found, 0 if last - first <= 14 and first < 20 else 1)


def test_detections_in_a_clip_without_events_are_all_wrong():
    """As many as there are runs at each threshold."""
    scores = np.array([1.0, 0.0, 2.0, 2.0, 1.0, 3.0, 0.0])
    of = changes([scores], np.array([7.0]), [[]])
    counts = {float(at): int(of.wrong[of.at >= at].sum()) for at in np.unique(scores)}
    assert counts == {0.0: 1, 1.0: 2, 2.0: 2, 3.0: 1}
    assert not of.found.any()


def test_clips_share_the_score_out_and_leave_it_when_they_are_left_out():
    scores, seconds, events = case(3)
    n = len(seconds)
    groups = np.arange(n) % 5
    value, _ = psds(by_class(scores, events), seconds, groups)
    assert value.parts.mean() == pytest.approx(value.value)
    assert value.stderr > 0
    kept = [number for number in range(n) if groups[number] != 2]
    some = psds(
        by_class([scores[k] for k in kept], [events[k] for k in kept]), seconds[kept], np.arange(len(kept)), (1.0,)
    )
    lone = np.array([value.parts[groups == group][0] for group in range(5)]) - value.value
    # A group's part is so much above the mean as the score falls without it.
    without = value.value - lone / np.sqrt(n / 5) / 4
    others = [psds_without(scores, seconds, events, groups, group) for group in range(5)]
    assert others[2] == some[0].value
    assert without - without.mean() == pytest.approx(np.array(others) - np.mean(others))


def psds_without(
    scores: list[Floats], seconds: Floats, events: list[list[list[Event]]], groups: np.ndarray, group: int
) -> float:
    kept = [number for number in range(len(seconds)) if groups[number] != group]
    one, _ = psds(by_class([scores[k] for k in kept], [events[k] for k in kept]), seconds[kept], np.arange(len(kept)))
    return one.value


def test_a_clip_without_frames_and_a_class_without_events():
    nothing = np.zeros(0)
    of = changes([nothing, np.ones(4)], np.array([0.01, 4.0]), [[(0.0, 0.01)], []])
    assert (len(of.at), of.wrong.sum()) == (1, 1)
    seconds, groups = np.array([36.0, 36.0]), np.arange(2)
    silent = ([np.zeros(4)] * 2, [[], []])
    heard = ([np.arange(4.0) > 1, np.zeros(4)], [[(18.0, 36.0)], []])
    assert psds([silent, heard], seconds, groups)[0].value == psds([heard], seconds, groups)[0].value == 1.0
    with pytest.raises(ValueError, match="no class has an event"):
        psds([silent], seconds, groups)


def test_groups_are_of_like_size_whatever_the_order():
    names = [f"clip {number}" for number in range(11)]
    groups = grouped(names, 4, lambda name: sum(name.encode()) * 7919 % 1009)
    assert np.bincount(groups).tolist() == [3, 3, 3, 2]
    again = grouped(names[::-1], 4, lambda name: sum(name.encode()) * 7919 % 1009)
    assert again[::-1].tolist() == groups.tolist()
