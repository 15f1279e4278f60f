"""The probe of captions that every encoder can be scored by: a ridge map from mean frames to fixed text features."""

import json
from collections.abc import Mapping

import torch
from scipy.sparse import csr_matrix

from scaling.data.tasks.task import Task
from scaling.probes.answers import Answers, Subject, chosen, retrieved
from scaling.probes.once import Made, once
from scaling.probes.retrieval import Pool, retrieve, ridge_map, text_matrices
from scaling.storage.files import Location

STRENGTHS = tuple(10.0**power for power in range(-3, 7))


def ridge(task: Task, subject: Subject) -> Answers:
    """Fitted on the training clips, its strength chosen by leaving one out; captions are retrieved by cosine."""
    train, test = subject.labelled.split(task.name, "train"), subject.labelled.split(task.name, "test")
    pool = Pool.of(test.ids, [subject.labelled.captions(place) for place in test.places.tolist()])
    train_text, test_text = shared_features(subject.work.shared, task.name, train.labels, list(pool.captions))
    x = subject.embeddings
    fitted = ridge_map(x[train.places].double(), train_text.double(), STRENGTHS)
    outcome = retrieve(pool, fitted(x[test.places].double()), fitted.centre(test_text.double()))
    return retrieved(task, "mean", outcome, chosen(fitted.l2, fitted.on_edge))


def shared_features(
    shared: Location | None, name: str, train: list[str], captions: list[str]
) -> tuple[torch.Tensor, torch.Tensor]:
    """`retrieval.text_features` of captions that are the same for every run, made once."""

    def make() -> Made:
        tensors: dict[str, torch.Tensor] = {}
        for part, matrix in zip(("train", "test"), text_matrices(train, captions), strict=True):
            columns = {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr}
            tensors |= {f"{part}/{key}": torch.from_numpy(column) for key, column in columns.items()}
        return tensors, {"features": str(matrix.shape[1])}

    tensors, texts = once(shared, f"{name}-text", json.dumps([train, captions]), make)
    width = int(texts["features"])
    return _dense(tensors, "train", len(train), width), _dense(tensors, "test", len(captions), width)


def _dense(tensors: Mapping[str, torch.Tensor], part: str, rows: int, width: int) -> torch.Tensor:
    data, indices, indptr = (tensors[f"{part}/{key}"].numpy() for key in ("data", "indices", "indptr"))
    return torch.from_numpy(csr_matrix((data, indices, indptr), shape=(rows, width)).toarray())
