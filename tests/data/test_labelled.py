"""Labels point at the clips that were prepared."""

from pathlib import Path

import numpy as np
import polars as pl
from corpora import clips_of_many_lengths, write_beside

from scaling.data.labelled import LabelledStore, task_files
from scaling.data.tasks.task import Labelled, Task


def test_labels_point_at_the_clips_that_were_prepared(tmp_path: Path):
    store = clips_of_many_lengths(tmp_path)
    ids = store.clips(["id"])["id"].to_list()
    rows = [("one", ids[5], "train", "b"), ("one", ids[2], "train", "a"), ("one", ids[9], "test", "c")]
    rows += [("two", ids[2], "val", "x"), ("two", "birds/rejected", "train", "y"), ("two", ids[4], "train", "z")]
    table = pl.DataFrame(rows, schema=["task", "id", "split", "label"], orient="row")
    tasks = (Task("one", "environment"), Task("two", "environment", supervised=False))
    write_beside(Path(str(store.folder)), task_files(Labelled(tasks, (), table, "")))
    labelled = LabelledStore(store.folder)
    train = labelled.split("one", "train")
    assert (train.places.tolist(), train.ids, train.labels) == ([2, 5], [ids[2], ids[5]], ["a", "b"])
    # A clip that decoding rejected is in no split, and its label is no class.
    assert labelled.split("two", "train").ids == [ids[4]]
    classes, matrix = labelled.label_matrix()
    assert classes == {"one": 2, "two": 2}
    assert matrix[[2, 4, 5]].tolist() == [[0, 0], [-1, 1], [1, -1]]
    assert (np.delete(matrix, [2, 4, 5], axis=0) == -1).all()
    assert labelled.supervised_places("train").tolist() == [2, 4, 5]
    assert labelled.probed.tolist() == [2, 4, 5, 9]
