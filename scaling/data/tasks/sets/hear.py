"""A task folder of HEAR's form: task_metadata.json, labelvocabulary.csv, train.json, valid.json and test.json (or
fold00.json, fold01.json, ...), each of which gives the labels of every file, and the recordings in RATE/SPLIT/.

Of several sample rates the highest is taken. What it says of itself is taken as it says it: there are no counts to hold
it to but those of its own vocabulary.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

from scaling.data.tasks.sets.lists import json_object, table
from scaling.data.tasks.sets.task_set import LayoutError, Listed, TaskSet

SPLITS = {"train": "train", "valid": "val", "test": "test"}
METADATA, VOCABULARY = "task_metadata.json", "labelvocabulary.csv"


def hear_set(folder: Path) -> TaskSet:
    """The task that a folder of this form holds. Raises `LayoutError` for one of events, which has no label a clip."""
    about = json_object(folder, METADATA)
    if about.get("embedding_type") != "scene":
        raise LayoutError(f"{METADATA} has embedding_type {_shown(about, 'embedding_type')}, and only 'scene' is read")
    kinds: dict[str, Literal["accuracy", "map"]] = {"multiclass": "accuracy", "multilabel": "map"}
    kind = kinds.get(str(about.get("prediction_type")))
    if kind is None:
        raise LayoutError(
            f"{METADATA} has prediction_type {_shown(about, 'prediction_type')}: one of {', '.join(kinds)}"
        )
    names = {label for (label,) in table(folder, VOCABULARY, ("label",))}
    folds = sorted(path.stem for path in folder.glob("fold[0-9]*.json"))
    return TaskSet(
        f"HEAR's {str(about.get('task_name', folder.name))[:60]}",
        "",
        kind,
        "as its own page states",
        "https://hearbenchmark.com",
        partial(_clips, folds or list(SPLITS), names),
        note="the folder's folds" if folds else "the folder's split",
        folded=bool(folds),
    )


def _shown(about: dict[str, Any], key: str) -> str:
    return repr(about.get(key))[:60]


def _clips(splits: list[str], names: set[str], folder: Path) -> Iterator[Listed]:
    rates = [path.name for path in folder.iterdir() if path.is_dir() and path.name.isdigit()]
    if not rates:
        raise LayoutError("it has no folder of a sample rate (48000/)")
    rate = max(rates, key=int)
    for split in splits:
        for name, given in json_object(folder, f"{split}.json").items():
            labels = given if isinstance(given, list) else [given]
            if not all(isinstance(label, str | int) for label in labels):
                raise LayoutError(f"{split}.json gives {name[:100]} no labels")
            texts = tuple(map(str, labels))
            if unknown := set(texts) - names:
                raise LayoutError(f"{split}.json has a label {min(unknown)[:60]!r} that {VOCABULARY} has not")
            yield Listed((f"{rate}/{split}/{name}",), SPLITS.get(split, split), texts)
