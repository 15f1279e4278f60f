"""Every task by every probe of its kind."""

from scaling.probes.answers import Subject
from scaling.probes.options import PROBES
from scaling.probes.probe import score


def test_every_probe_of_a_tasks_kind_scores_it_in_the_order_of_the_tables(knowing: Subject):
    scores, answers = score(knowing)
    ways = list(dict.fromkeys((one.task, one.pooling) for one in scores))
    assert ways == [("pitch", "mean"), ("retrieval", "mean"), ("retrieval", "head")]
    kinds = [probe.options.kind for probe in PROBES.values()]
    assert len(ways) == sum(kinds.count(task.kind) for task in knowing.labelled.tasks)
    assert len(answers) == sum(one.n_test for one in scores)


def test_the_same_subject_is_scored_the_same_twice(knowing: Subject):
    one, other = score(knowing), score(knowing)
    assert one[0] == other[0]
    assert one[1].equals(other[1])
