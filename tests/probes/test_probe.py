"""Every task by every probe of its kind."""

from scaling.probes.answers import Subject
from scaling.probes.options import PROBES, named_probes
from scaling.probes.probe import score


def test_every_probe_of_a_tasks_kind_scores_it_in_the_order_of_the_tables(knowing: Subject):
    scores, answers = score(knowing)
    assert set(named_probes()) == set(PROBES) - {"attention", "text-retrieval", "captioning", "questions"}
    ways = list(dict.fromkeys((one.task, one.pooling) for one in scores))
    assert ways == [("pitch", "mean"), ("retrieval", "mean"), ("retrieval", "head")]
    assert len(answers) == sum(one.n_test for one in scores)


def test_only_the_probes_asked_for_score_and_their_time_is_told(knowing: Subject):
    seconds: dict[str, float] = {}
    scores, _ = score(knowing, ("ridge",), seconds)
    assert {one.pooling for one in scores} == {"mean"}
    assert {one.task for one in scores} == {"retrieval"}
    assert seconds.keys() == {"ridge"}


def test_the_same_subject_is_scored_the_same_twice(knowing: Subject):
    one, other = score(knowing), score(knowing)
    assert one[0] == other[0]
    assert one[1].equals(other[1])
