"""The probe of captions that every encoder can be scored by: a ridge map from mean frames to fixed text features."""

from scaling.data.tasks.task import Task
from scaling.probes.answers import Answers, Subject, chosen, retrieved
from scaling.probes.retrieval import Pool, retrieve, ridge_map, text_features

STRENGTHS = tuple(10.0**power for power in range(-3, 7))


def ridge(task: Task, subject: Subject) -> Answers:
    """Fitted on the training clips, its strength chosen by leaving one out; captions are retrieved by cosine."""
    train, test = subject.labelled.split(task.name, "train"), subject.labelled.split(task.name, "test")
    pool = Pool.of(test.ids, [subject.labelled.captions(place) for place in test.places.tolist()])
    train_text, test_text = text_features(train.labels, list(pool.captions))
    x = subject.embeddings
    fitted = ridge_map(x[train.places].double(), train_text.double(), STRENGTHS)
    outcome = retrieve(pool, fitted(x[test.places].double()), fitted.centre(test_text.double()))
    return retrieved(task, "mean", outcome, chosen(fitted.l2, fitted.on_edge))
