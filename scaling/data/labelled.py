"""The labelled clips of a study, prepared: a store of their features, and which task knows which clip.

store/labelled/   a store of its own, every clip usable, test clips first
                  tasks.json      what runs are scored on and what the supervised run learns
                  labels.parquet  task, id, split, label
"""

import io
import re
from dataclasses import asdict, dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scaling.data.description import LABELS, REJECTS_FILE, TASKS, intact
from scaling.data.store import Store
from scaling.data.tasks.task import FOLD, QUESTIONS, SPLITS, Labelled, Task, each, soundings
from scaling.data.tokenizer import normalized
from scaling.errors import StudyError
from scaling.storage.files import Location, json_text, read_json
from scaling.storage.tables import read_parquet


@dataclass(frozen=True)
class Split:
    """The clips of one task in one split: their places in the labelled store, ids and labels, in the store's
    order."""

    places: NDArray[np.int64]
    ids: list[str]
    labels: list[str]


class LabelledStore:
    """The prepared labelled clips and which task knows which; clips that decoding rejected are not in it.

    Two tasks may know one recording by files of their own. A task knows it once: of clips of a task that play the same
    samples a test clip stays, else a validation clip, else the first; how many are left out is in the task's note.
    """

    def __init__(self, folder: Location) -> None:
        self.store = Store(folder)
        tasks = {name: [Task(**fields) for fields in some] for name, some in read_json(intact(folder, TASKS)).items()}
        places = self.store.clips(["id", "audio_hash"]).with_row_index("place")
        listed = read_parquet(intact(folder, LABELS))
        self._unheard = listed.join(places, on="id", how="anti").sort("task", "id", "label")
        heard = listed.join(places, on="id").sort("task", "place", "label")
        self._held_out = heard.filter(pl.col("split") != "train").select("id", "audio_hash").unique()
        asking = [task.name for some in tasks.values() for task in some if task.kind == QUESTIONS]
        self.rows, left_out = _each_once(heard, asking)
        self.tasks, self.supervised = (
            tuple(_noted(task, left_out.get(task.name, 0)) for task in tasks[name]) for name in ("probes", "supervised")
        )

    def split(self, task: str, split: str) -> Split:
        some = self.rows.filter((pl.col("task") == task) & (pl.col("split") == split))
        return Split(
            some["place"].cast(pl.Int64).to_numpy(writable=True), some["id"].to_list(), some["label"].to_list()
        )

    def unheard(self, task: str, split: str) -> tuple[list[str], list[str]]:
        """The clips of one task in one split that cannot be used, as ids and labels."""
        some = self._unheard.filter((pl.col("task") == task) & (pl.col("split") == split))
        return some["id"].to_list(), some["label"].to_list()

    def folds(self, task: str) -> list[str]:
        """The folds of a task, by name; none where it has splits."""
        names = self.rows.filter(pl.col("task") == task)["split"].unique().sort().to_list()
        return [name for name in names if name.startswith(FOLD)]

    def captions(self, place: int) -> list[str]:
        """The captions of a clip, normalized, each once."""
        return list(dict.fromkeys(filter(None, map(normalized, self.store.captions(place)))))

    def label_matrix(self) -> tuple[dict[str, int], NDArray[np.int64]]:
        """For the supervised run: classes a task, and int64 [clips, tasks] of labels (-1 where a task does
        not know a clip)."""
        classes: dict[str, int] = {}
        matrix = np.full((len(self.store), len(self.supervised)), -1)
        for column, task in enumerate(self.supervised):
            rows = self.rows.filter((pl.col("task") == task.name) & (pl.col("split") != "test"))
            numbers = {label: number for number, label in enumerate(sorted(rows["label"].unique()))}
            matrix[rows["place"].to_numpy(), column] = [numbers[label] for label in rows["label"]]
            classes[task.name] = len(numbers)
        return classes, matrix

    @property
    def probed(self) -> NDArray[np.int64]:
        """The clips that some probe knows."""
        rows = self.rows.filter(pl.col("task").is_in([task.name for task in self.tasks]))
        return rows["place"].unique().sort().cast(pl.Int64).to_numpy(writable=True)

    def supervised_places(self, split: str) -> NDArray[np.int64]:
        """The clips of a split that the supervised run knows: without those that another task holds out under another
        name."""
        names = [task.name for task in self.supervised]
        rows = self.rows.filter(pl.col("task").is_in(names) & (pl.col("split") == split))
        if split == "train":
            others = rows.join(self._held_out, on="audio_hash", suffix="_held").filter(
                pl.col("id") != pl.col("id_held")
            )
            rows = rows.filter(~pl.col("id").is_in(others["id"].implode()))
        return rows["place"].unique().sort().cast(pl.Int64).to_numpy()


def _each_once(rows: pl.DataFrame, asking: list[str]) -> tuple[pl.DataFrame, dict[str, int]]:
    """The rows of clips whose samples no other clip of their task has, and how many clips each task is without.

    Questions are all kept, but for training questions about what others are asked about; with folds they go to one.
    """
    order = pl.col("split").replace_strict({name: place for place, name in enumerate(SPLITS)}, default=0)
    first = ["id", "split"]
    ranked = rows.with_columns(order=order).sort("order", "place", "label")
    of = ranked.group_by("task", "audio_hash", maintain_order=True).agg(pl.col(first).first().name.prefix("first_"))
    known = rows.join(of, on=["task", "audio_hash"], maintain_order="left")
    asked = pl.col("task").is_in(asking)
    same = (pl.col("id") == pl.col("first_id")) | (asked & (pl.col("split") == pl.col("first_split")))
    moved = asked & pl.col("split").str.starts_with(FOLD)
    kept = known.filter(same | moved).with_columns(
        split=pl.when(moved).then(pl.col("first_split")).otherwise(pl.col("split"))
    )
    lost = known.filter(~(same | moved)).group_by("task").agg(pl.col("id").n_unique())
    return kept.drop("first_id", "first_split"), dict(lost.iter_rows())


def _noted(task: Task, left_out: int) -> Task:
    if not left_out:
        return task
    said = f"{left_out:,} clips left out that play what another one of the task plays"
    return replace(task, note=", ".join(filter(None, (task.note, said))))


def check_tasks(folder: Location) -> None:
    """Raise `StudyError`, naming tasks, counts and reasons, where decoding has left a task too little to be probed or
    learned: no test clip, too few training clips, or training clips of one label alone."""
    labelled = LabelledStore(folder)
    listed = read_parquet(intact(folder, LABELS))
    rejects = read_parquet(folder / REJECTS_FILE).select("id", "reason")
    lacking = [
        f"task {task.name} cannot be {'probed' if task in labelled.tasks else 'learned'}: {what}"
        for task in dict.fromkeys((*labelled.tasks, *labelled.supervised))
        if (what := _lacks(labelled, task, listed.filter(pl.col("task") == task.name), rejects))
    ]
    if lacking:
        raise StudyError(
            f"{'; '.join(lacking)} (see {folder / REJECTS_FILE}): mend these clips, or give the task others, and "
            "prepare into another folder with --store or --out"
        )


def _lacks(labelled: LabelledStore, task: Task, listed: pl.DataFrame, rejects: pl.DataFrame) -> str:
    lost = listed.join(rejects, on="id")
    if task.absent + len(lost) > task.missing * (task.absent + len(listed)):
        return (
            f"of its {task.absent + len(listed):,} clips {task.absent:,} are missing and {len(lost):,} cannot be used"
            + (f" ({lost['id'][0]}: {lost['reason'][0]}, for one)" if len(lost) else "")
            + f", and {task.missing:.1%} may be (missing = {task.missing:g})"
        )
    if folds := labelled.folds(task.name):
        parts = [labelled.split(task.name, fold).labels for fold in folds]
        if len(parts) < len(listed["split"].unique()) or min(len(set(part)) for part in parts) < 2:
            return "a fold has no two usable clips of different labels left"
        return ""
    train = labelled.split(task.name, "train")
    if task.kind == "recall":
        fewest = 2
    else:
        # Without validation clips the probe's strength is chosen by five folds.
        fewest = 1 if task not in labelled.tasks or labelled.split(task.name, "val").ids else 5
    for split, needed in (("test", 1 if task in labelled.tasks else 0), ("train", fewest)):
        if (usable := len(labelled.split(task.name, split).ids)) < needed:
            some = listed.filter(pl.col("split") == split)
            reasons = some.join(rejects, on="id")["reason"].value_counts(sort=True).rows()
            why = f" ({', '.join(f'{count} {reason}' for reason, count in reasons)})" if reasons else ""
            return f"{usable} of its {len(some)} {split} clips can be used, and it takes {needed}{why}"
    if task.kind == "accuracy" and len(labels := set(train.labels)) < 2:
        return f"all of its {len(train.ids)} usable train clips are labelled {labels.pop()[:100]!r}"
    if task.kind == "map" and not any(map(each, labelled.split(task.name, "test").labels)):
        return "no usable test clip has a label"
    if task.kind == "events":
        known, asked = ({label for text in some for _, _, label in soundings(text)} for some in (
            train.labels, labelled.split(task.name, "test").labels
        ))  # fmt: skip
        if not known & asked:
            return "no usable test clip has an event of a label that training clips have"
    if task.kind == "recall" and not any(re.search(r"\w\w", label) for label in train.labels):
        return "the captions of its train clips have no word of two letters"
    return ""


def task_files(labelled: Labelled) -> dict[str, bytes]:
    """What `LabelledStore` reads beside the store itself, by name."""
    rows = io.BytesIO()
    labelled.rows.write_parquet(rows)
    tasks = {"probes": labelled.probes, "supervised": labelled.supervised}
    described = json_text({name: [asdict(task) for task in some] for name, some in tasks.items()})
    return {TASKS: described.encode(), LABELS: rows.getvalue()}
