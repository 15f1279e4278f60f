"""The splits of a task: given, or folds, given or made by group; and whether groups are apart."""

from pathlib import Path
from typing import Any

import polars as pl

from scaling.data.keyed import keyed_generator
from scaling.data.tasks.task import FOLD, SPLITS, Task
from scaling.errors import StudyError

FEWEST_FOLDS, MOST_FOLDS = 3, 50
"""A fold is tested on, and two others are needed to choose a strength by."""


def split_up(table: pl.DataFrame, entry: dict[str, Any], task: Task, path: Path) -> tuple[pl.DataFrame, str]:
    """The table with a column `split`, and what to say of it: whether groups are apart.

    `entry` is the task's in the file at `path`. Raises `StudyError` for columns that are not there, splits or folds
    that are unknown or too few, and groups that are in several splits.
    """
    where = f"task {task.name}: {path.parent / entry['clips']}"
    folds, group = entry.get("folds"), entry.get("group")
    if "folds" in entry and (isinstance(folds, bool) or not isinstance(folds, str | int)):
        raise StudyError(f"task {task.name} in {path}: folds is the name of a column, or a number to make by group")
    if isinstance(folds, int) and not isinstance(group, str):
        raise StudyError(f"task {task.name} in {path}: folds = {folds} are made by group: name its column (group)")
    columns = [name for name in ("split" if folds is None else folds, group) if isinstance(name, str)]
    for column in columns:
        if column not in table.columns:
            raise StudyError(f"{where} has no column {column!r}; it has {', '.join(table.columns)}")
        if table[column].is_null().any() and column != "split":
            raise StudyError(f"{where} has a clip without {column}")
    if folds is None:
        _check_splits(table, task, where)
    else:
        names = _made(table[str(group)], folds) if isinstance(folds, int) else table[folds]
        if not FEWEST_FOLDS <= (n := names.n_unique()) <= MOST_FOLDS:
            raise StudyError(f"{where} has {n} folds, and a task takes {FEWEST_FOLDS} to {MOST_FOLDS}")
        table = table.with_columns(split=FOLD + names)
        for name, part in table.group_by("split", maintain_order=True):
            if part[entry["label"]].n_unique() < 2:
                raise StudyError(f"{where}: all clips of {name[0]} have one label")
    return table, _of_groups(table, group, where, made=isinstance(folds, int))


def _check_splits(table: pl.DataFrame, task: Task, where: str) -> None:
    splits = set(table["split"])
    if unknown := splits - set(SPLITS):
        raise StudyError(f"{where} has a split {unknown.pop()!r}; splits are train, val and test")
    wanted = {"train"} if task.supervised else {"train", "test"}
    if lacking := wanted - splits:
        raise StudyError(f"{where} has no clips in split {', '.join(sorted(lacking))}")


def _made(groups: pl.Series, folds: int) -> pl.Series:
    """Folds of whole groups, of like size: groups go, the largest first and equal ones by a hash of their names, to the
    fold that has the fewest clips."""
    counts = dict(groups.value_counts().iter_rows())
    drawn = {name: keyed_generator("folds", name).random() for name in counts}
    sizes, of = [0] * folds, {}
    for name in sorted(counts, key=lambda name: (-counts[name], drawn[name])):
        fold = sizes.index(min(sizes))
        of[name] = str(fold + 1)
        sizes[fold] += counts[name]
    return groups.replace_strict(of, return_dtype=pl.String)


def _of_groups(table: pl.DataFrame, group: Any, where: str, made: bool) -> str:
    """What to say of the groups. Raises `StudyError` where one is in two splits."""
    if group is None:
        return ""
    if not isinstance(group, str):
        raise StudyError(f"{where}: group is the name of a column")
    several = table.group_by(group).agg(pl.col("split").n_unique().alias("n")).filter(pl.col("n") > 1)
    if len(several):
        shown = str(several[group].sort()[0])[:60]
        raise StudyError(
            f"{where}: {len(several):,} of {table[group].n_unique():,} groups ({group}) are in several splits, {shown} "
            "among them: a probe would know them from training; move them, or leave out group"
        )
    return f"folds made by {group}" if made else f"no {group} in two splits"
