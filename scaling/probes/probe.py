"""Every task of a study on one frozen encoder, by every probe of its kind."""

import time
from collections.abc import Sequence

import polars as pl

from scaling.probes.answers import PREDICTIONS, Answers, Subject
from scaling.probes.options import PROBES, named_probes
from scaling.probes.score import Score


def score(
    subject: Subject,
    probes: Sequence[str] = (),
    seconds: dict[str, float] | None = None,
    flops: dict[str, float] | None = None,
) -> Answers:
    """Scores and predictions of all tasks, in the order of the labelled clips' tasks and of the table of probes.

    `probes` are names (without any, the default ones); `seconds` takes what each probe took, by its name, and `flops`
    the floating-point operations of those that are trained step by step.
    """
    probes = probes or named_probes()
    scores: list[Score] = []
    tables = [pl.DataFrame(schema=PREDICTIONS)]
    for task in subject.labelled.tasks:
        for name, probe in PROBES.items():
            if name in probes and task.kind in probe.options.kinds:
                began, before = time.monotonic(), len(subject.work.flops)
                more, table = probe.load()(task, subject)
                if seconds is not None:
                    seconds[name] = seconds.get(name, 0.0) + time.monotonic() - began
                if flops is not None and (own := sum(subject.work.flops[before:])):
                    flops[name] = flops.get(name, 0.0) + own
                scores += more
                tables.append(table)
    return scores, pl.concat(tables)
