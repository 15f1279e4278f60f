"""What encoders said of some test clips, the smallest and the largest size side by side, for a person to look at.

Which clips are shown follows from their ids alone, whatever was said of them.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import polars as pl

from scaling.analysis.scores.arms import arms
from scaling.analysis.scores.design import Design
from scaling.analysis.scores.rows import tasks, trained
from scaling.analysis.scores.study_table import read_answers
from scaling.analysis.scores.words import Value, place
from scaling.errors import visible

CLIPS = 4
"""Of each task."""
_MOST_ARMS, _MOST_TASKS = 8, 9
_TOLD = {
    "a2t_recall_at_1": ("mean", "caption found first"),
    "rouge_l_coco": ("text", "caption written"),
    "qa_accuracy": ("text", "answer"),
}
"""Metrics whose answers are words, the pooling that is shown, and what the words are."""
_PARTLY = ("rouge_l_coco",)
"""Of these an answer is more or less right."""
_LETTERS = 300
_UNTOLD = pl.col("truth").str.starts_with("rank <= ")
"""Runs of former versions wrote ranks down, no words."""
FOLDER = "examples"


@dataclass(frozen=True)
class Example:
    """A clip of a task: what is true of it, and by arm what was said at each of its sizes, and whether that is right
    (None: more or less)."""

    clip: str
    truth: str
    said: list[tuple[str, list[tuple[str, bool | None]]]]


@dataclass(frozen=True)
class Examples:
    """Those of a task; `what` its answers are, and the places on the axis that they are of."""

    task: str
    what: str
    places: list[str]
    clips: list[Example]


def examples(folder: Path, scores: pl.DataFrame, design: Design) -> list[Examples]:
    """The examples of a study's folder: of every task whose answers are words, and the first seed of every arm; those
    arms that have both ends of the axis."""
    runs = trained(scores, design)
    if runs.is_empty() or design.x.scale == "nominal":
        return []
    sizes = runs["x"].unique().sort().to_list()
    ends: list[Value] = list(dict.fromkeys([sizes[0], sizes[-1]]))
    of: dict[str, list[str]] = {}
    for arm in arms(runs, design):
        mine = runs.filter(arm.rows()).sort("seed", "run")
        there = [mine.filter(pl.col("x") == end)["run"].head(1).to_list() for end in ends]
        if all(there):
            of[arm.name] = [name for [name] in there]
    of = dict(list(of.items())[:_MOST_ARMS])
    names = [run for some in of.values() for run in some]
    answers = read_answers(folder, names, list(_TOLD))
    found = []
    for task in dict.fromkeys(answers["task"].sort()):
        for metric, (pooling, what) in _TOLD.items():
            rows = answers.filter(~_UNTOLD, task=task, metric=metric, pooling=pooling)
            if rows.is_empty():
                continue
            shown = _examples(rows, of, exact=metric not in _PARTLY)
            found.append(Examples(task, what, [place(design.x, end) for end in ends], shown))
    order = [task for task, _ in tasks(runs)]
    found.sort(key=lambda one: (order.index(one.task) if one.task in order else len(order), one.task))
    return [one for one in found if one.clips][:_MOST_TASKS]


def _examples(rows: pl.DataFrame, of: Mapping[str, Sequence[str]], exact: bool) -> list[Example]:
    runs = {run for some in of.values() for run in some}
    counted = rows.group_by("clip").agg(pl.col("run").n_unique())
    # Of clips that every run was asked about; one may have been asked of twice.
    clips = counted.filter(pl.col("run") == len(runs & set(rows["run"])))["clip"].to_list()
    found = []
    for clip in chosen_clips(clips):
        mine = {row["run"]: row for row in rows.filter(clip=clip).iter_rows(named=True)}
        said = [
            (arm, [(mine[run]["answer"], bool(mine[run]["correct"]) if exact else None) for run in some])
            for arm, some in of.items()
            if all(run in mine for run in some)
        ]
        found.append(Example(clip, next(iter(mine.values()))["truth"], said))
    return found


def told(found: Sequence[Examples], heard: Mapping[str, str]) -> list[dict[str, Any]]:
    """As the templates show them; `heard` as from `sounds`."""
    return [
        {
            "task": one.task,
            "what": one.what,
            "places": one.places,
            "clips": [
                {
                    "clip": visible(each.clip, _LETTERS),
                    "sound": heard.get(each.clip, ""),
                    "truth": visible(each.truth, _LETTERS),
                    "said": [
                        {
                            "arm": arm,
                            "answers": [{"text": visible(text, _LETTERS), "right": right} for text, right in some],
                        }
                        for arm, some in each.said
                    ],
                }
                for each in one.clips
            ],
        }
        for one in found
    ]


def chosen_clips(clips: Iterable[str]) -> list[str]:
    """The clips of a task that are shown, whatever was said of them."""
    return sorted(clips, key=lambda clip: blake2b(clip.encode(), digest_size=8).digest())[:CLIPS]


def sound_file(clip: str) -> str:
    """The name, in the report's folder, of the file that holds a clip's sound."""
    return f"{FOLDER}/{blake2b(clip.encode(), digest_size=8).hexdigest()}.flac"


def sounds(report: Path, found: Sequence[Examples]) -> dict[str, str]:
    """By clip the sound that was put into a report's folder, as a page can hold it; clips without one are left out."""
    there = {}
    for clip in {example.clip for one in found for example in one.clips}:
        path = report / sound_file(clip)
        if path.is_file() and not path.is_symlink():
            there[clip] = f"data:audio/flac;base64,{base64.b64encode(path.read_bytes()).decode()}"
    return there
