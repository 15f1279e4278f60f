"""Probe tasks: labelled clips with fixed splits or folds, and which task knows which clip.

Clips with captions also make one retrieval task a domain.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

import polars as pl

from scaling.data.clip import Clip
from scaling.data.tokenizer import normalized

SPLITS = ("test", "val", "train")
FOLD = "fold "
"""Before the name of a fold, in a split's place: its clips are tested on once, and trained on otherwise."""
RETRIEVAL, CAPTIONING, QUESTIONS = "retrieval", "captioning", "questions"


@dataclass(frozen=True)
class Task:
    """What a frozen encoder is scored on. `kind` is the metric's: "accuracy" (one label a clip), "map" (several labels
    a clip, or none), "recall" (captions), "events" (labels from when to when) or "questions" (a clip may have several;
    their labels are made by `question.Question`). `note` is what a reader of its scores must know of its splits;
    `model` names the language model that answers questions; `text_encoder` and `decoder` the public models that are
    trained on frozen frames to find captions and to write them, in the place of random ones.

    Of a task of a known set `missing` is the share of its clips that may be missing or unreadable (of others any may),
    and `absent` how many recordings were not there when it was read."""

    name: str
    domain: str
    kind: str = "accuracy"
    supervised: bool = False
    note: str = ""
    missing: float = 1.0
    absent: int = 0
    model: str = ""
    text_encoder: str = ""
    decoder: str = ""


@dataclass(frozen=True)
class Labelled:
    """All labelled clips of a study.

    `clips` holds each recording once (again for every task that says other captions of it), test clips first; `rows`
    says which task knows which clip: task, id, split (of `SPLITS`, or a fold), label (`several` where there may be more
    than one). `root` is what the clips' paths are relative to.
    """

    tasks: tuple[Task, ...]
    clips: tuple[Clip, ...]
    rows: pl.DataFrame
    root: str

    @property
    def probes(self) -> tuple[Task, ...]:
        """The tasks that runs are scored on."""
        return tuple(task for task in self.tasks if not task.supervised)

    @property
    def supervised(self) -> tuple[Task, ...]:
        """The tasks that the supervised run learns: those marked so, else every classification task."""
        marked = tuple(task for task in self.tasks if task.supervised)
        folded = set(self.rows.filter(pl.col("split").str.starts_with(FOLD))["task"])
        return marked or tuple(task for task in self.tasks if task.kind == "accuracy" and task.name not in folded)

    def held_out_ids(self) -> set[str]:
        """The clips that pretraining must never see: those of any task's test or validation split."""
        return set(self.rows.filter(pl.col("split") != "train")["id"])


Row = tuple[str, str, str, str]
TextModels = tuple[str, str]
"""Names of a text encoder and a decoder; "" where there is none."""


def several(labels: list[str]) -> str:
    """Several labels of a clip as one text."""
    return json.dumps(sorted(set(labels)), ensure_ascii=False)


def each(text: str) -> list[str]:
    """The labels that `several` was given."""
    found: list[str] = json.loads(text)
    return found


Sounding = tuple[float, float, str]
"""An event: its onset and offset in seconds, and its label."""


def timed(events: Iterable[Sounding]) -> str:
    """The events of a clip as one text."""
    return json.dumps(sorted(set(events)), ensure_ascii=False)


def soundings(text: str) -> list[Sounding]:
    """The events that `timed` was given."""
    return [(onset, offset, label) for onset, offset, label in json.loads(text)]


def labelled(
    tasks: list[Task], clips: dict[str, Clip], rows: list[Row], root: str, texts: TextModels | None = None
) -> Labelled:
    """Tasks and what they know, with a retrieval task a domain; `texts` are the public text models of all tasks
    of captions."""
    table = pl.DataFrame(rows, schema=["task", "id", "split", "label"], orient="row")
    table = pl.concat([table, _retrieval_rows(tasks, clips, table)])
    names = {task.name for task in tasks}
    domains = [name for name in table["task"].unique(maintain_order=True) if name not in names]
    retrieval = [Task(name, name.removeprefix(f"{RETRIEVAL}-"), "recall") for name in domains]
    order = _order(rows)
    in_order = sorted(clips.values(), key=lambda clip: (order[clip.id], clip.id))
    encoder, decoder = texts or ("", "")
    whole = [
        replace(task, text_encoder=encoder, decoder=decoder) if task.kind == "recall" else task
        for task in (*tasks, *retrieval)
    ]
    return Labelled(tuple(whole), tuple(in_order), table, root)


def _order(rows: Iterable[Row]) -> dict[str, int]:
    """Each clip's split as a number of `SPLITS`: the one furthest from training where tasks disagree."""
    order: dict[str, int] = {}
    for _, clip_id, split, _ in rows:
        place = 0 if split.startswith(FOLD) else SPLITS.index(split)
        order[clip_id] = min(order.get(clip_id, len(SPLITS)), place)
    return order


def _retrieval_rows(tasks: list[Task], clips: dict[str, Clip], rows: pl.DataFrame) -> pl.DataFrame:
    """One retrieval task a domain: its captioned clips, each once, with its first caption; those of a task of captions
    are that task's."""
    probed = {task.name for task in tasks if not task.supervised and task.kind != "recall"}
    captioned = {clip.id: normalized(clip.captions[0]) for clip in clips.values() if clip.captions}
    found = [
        (f"{RETRIEVAL}-{clips[clip_id].domain}", clip_id, SPLITS[split], captioned[clip_id])
        # Captions have no folds.
        for clip_id, split in _order(
            row for row in rows.iter_rows() if row[0] in probed and not row[2].startswith(FOLD)
        ).items()
        if captioned.get(clip_id)
    ]
    return pl.DataFrame(found, schema=rows.schema, orient="row")
