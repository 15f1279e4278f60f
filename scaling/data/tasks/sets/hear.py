"""A task folder of HEAR's form: task_metadata.json, labelvocabulary.csv, train.json, valid.json and test.json (or
fold00.json, fold01.json, ...), each of which gives the labels of every file (of a task of events with their times), and
the recordings in RATE/SPLIT/.

Of several sample rates the highest is taken. What it says of itself is taken as it says it: there are no counts to hold
it to but those of its own vocabulary.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

from scaling.data.tasks.sets.lists import json_object, table
from scaling.data.tasks.sets.task_set import LayoutError, Listed, TaskSet
from scaling.data.tasks.task import Sounding

SPLITS = {"train": "train", "valid": "val", "test": "test"}
KINDS: dict[tuple[str, str], Literal["accuracy", "map", "events"]] = {
    ("scene", "multiclass"): "accuracy",
    ("scene", "multilabel"): "map",
    ("event", "multilabel"): "events",
}
METADATA, VOCABULARY = "task_metadata.json", "labelvocabulary.csv"


def hear_set(folder: Path) -> TaskSet:
    """The task that a folder of this form holds. Raises `LayoutError`."""
    about = json_object(folder, METADATA)
    asked = (str(about.get("embedding_type")), str(about.get("prediction_type")))
    if asked not in KINDS:
        raise LayoutError(
            f"{METADATA} has embedding_type {asked[0][:50]!r} and prediction_type {asked[1][:50]!r}: "
            f"{', '.join(' and '.join(one) for one in KINDS)} are read"
        )
    kind = KINDS[asked]
    names = {label for (label,) in table(folder, VOCABULARY, ("label",))}
    folds = sorted(path.stem for path in folder.glob("fold[0-9]*.json"))
    return TaskSet(
        f"HEAR's {str(about.get('task_name', folder.name))[:60]}",
        "",
        kind,
        "as its own page states",
        "https://hearbenchmark.com",
        partial(_clips, folds or list(SPLITS), names, kind),
        note="the folder's folds" if folds else "the folder's split",
        folded=bool(folds),
    )


def _clips(splits: list[str], names: set[str], kind: str, folder: Path) -> Iterator[Listed]:
    rates = [path.name for path in folder.iterdir() if path.is_dir() and path.name.isdigit()]
    if not rates:
        raise LayoutError("it has no folder of a sample rate (48000/)")
    rate = max(rates, key=int)
    for split in splits:
        for name, given in json_object(folder, f"{split}.json").items():
            file = (f"{rate}/{split}/{name}",)
            events = _events(given) if kind == "events" else ()
            labels = [label for _, _, label in events] or (given if isinstance(given, list) else [given])
            if not all(isinstance(label, str | int) for label in labels):
                raise LayoutError(f"{split}.json gives {name[:100]} no labels")
            texts = tuple(map(str, labels))
            if unknown := set(texts) - names:
                raise LayoutError(f"{split}.json has a label {min(unknown)[:60]!r} that {VOCABULARY} has not")
            yield Listed(file, SPLITS.get(split, split), () if kind == "events" else texts, events=events)


def _events(given: Any) -> tuple[Sounding, ...]:
    """Of a list of labels with start and end in milliseconds."""
    try:
        return tuple((float(one["start"]) / 1e3, float(one["end"]) / 1e3, str(one["label"])) for one in given)
    except (KeyError, TypeError, ValueError):
        raise LayoutError(f"an event is no label with start and end: {str(given)[:100]}") from None
