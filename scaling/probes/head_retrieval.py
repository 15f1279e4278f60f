"""The probe of captions in the joint space that an objective has learned itself."""

import polars as pl

from scaling.data.tasks.task import Task
from scaling.probes.answers import PREDICTIONS, Answers, Subject, retrieved
from scaling.probes.retrieval import Pool, retrieve


def head(task: Task, subject: Subject) -> Answers:
    """Nothing is fitted; no answers where the objective has no joint space."""
    if subject.head is None:
        return [], pl.DataFrame(schema=PREDICTIONS)
    test = subject.labelled.split(task.name, "test")
    pool = Pool.of(test.ids, [subject.labelled.captions(place) for place in test.places.tolist()])
    outcome = retrieve(pool, subject.head.audio[test.places], subject.head.embed_captions(list(pool.captions)))
    return retrieved(task, "head", outcome)
