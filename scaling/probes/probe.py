"""Every task of a study on one frozen encoder, by every probe of its kind."""

import polars as pl

from scaling.probes.answers import PREDICTIONS, Answers, Subject
from scaling.probes.options import PROBES
from scaling.probes.score import Score


def score(subject: Subject) -> Answers:
    """Scores and predictions of all tasks, in the order of the labelled clips' tasks and of the table of probes."""
    scores: list[Score] = []
    tables = [pl.DataFrame(schema=PREDICTIONS)]
    for task in subject.labelled.tasks:
        for probe in PROBES.values():
            if probe.options.kind == task.kind:
                more, table = probe.load()(task, subject)
                scores += more
                tables.append(table)
    return scores, pl.concat(tables)
