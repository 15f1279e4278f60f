"""Arms' errors averaged over tasks at each place measured, resampled together: test clips as everywhere, seeds with
their noise pooled over places (`replicate.seed_noise`)."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from scaling.analysis.curves.forms import MAGNITUDES, Floats
from scaling.analysis.curves.replicate import seed_noise
from scaling.analysis.scores.arms import Arm
from scaling.analysis.scores.resamples import Draws

_FARTHEST = float(np.log(MAGNITUDES[1]))  # of ln error: what moves it further moves it beyond all errors


@dataclass(frozen=True)
class Mean:
    """One arm's average error.

    Attributes:
        x: (n,) places, ascending.
        error: (n,) mean over tasks and seeds.
        counts: (n,) seeds that every task has there.
        runs: behind it, sorted.
        resampled: (r, n) errors, row q of all arms being one resample; None where no place has two seeds, or one none.
    """

    x: Floats
    error: Floats
    counts: Floats
    runs: tuple[str, ...]
    resampled: Floats | None = None

    @property
    def n_seeds(self) -> int:
        """The fewest at a place that has any."""
        return int(self.counts[self.counts > 0].min()) if (self.counts > 0).any() else 0


@dataclass(frozen=True)
class Means:
    """All arms.

    Attributes:
        of: by arm; empty if no task is there for all arms at each of their places.
        tasks: how many tasks the average is over.
        covers: what the resamples' noise knows of.
    """

    of: dict[Arm, Mean]
    tasks: int
    covers: str


def means(draws: Draws, cells: dict[Arm, pl.DataFrame]) -> Means:
    """Average each arm over the tasks that all arms have at each of their places.

    Args:
        cells: each arm's rows of `draws.cells`, one metric a task, with numbers as places `x`.
    """
    common = set.intersection(*({*mine["task"]} for mine in cells.values())) if cells else set()
    for mine in cells.values():
        common &= {*mine.filter(pl.len().over("task") == mine["x"].n_unique())["task"]}
    if not common:
        return Means({}, 0, "nothing")
    cells = {arm: mine.filter(pl.col("task").is_in(common)).sort("x", "task") for arm, mine in cells.items()}
    places = sorted({place for mine in cells.values() for place in mine["x"]})
    seeds = sorted({seed for mine in cells.values() for each in mine["seeds"] for seed in each})
    runs = np.full((len(cells), len(places), len(seeds)), np.nan)
    found = {}
    for i, (arm, mine) in enumerate(cells.items()):
        for x, each, errors in _by_place(mine):
            runs[i, places.index(x), [seeds.index(seed) for seed in each]] = errors
        error = mine.group_by("x", maintain_order=True).agg(pl.col("error").mean())["error"].to_numpy()
        own = np.isin(places, mine["x"])
        counts = np.isfinite(runs[i, own]).sum(axis=1).astype(np.float64)
        behind = tuple(sorted({run for line in mine["runs"] for run in line}))
        found[arm] = Mean(np.array(places, dtype=float)[own], error, counts, behind)
    return _resampled(draws, cells, found, runs, len(common))


def _by_place(mine: pl.DataFrame) -> list[tuple[float, list[int], Floats]]:
    """(place, the seeds that every task has, their errors averaged over tasks)."""
    found = []
    for (x,), part in mine.group_by("x", maintain_order=True):
        lines = [dict(zip(s, e, strict=True)) for s, e in part.select("seeds", "by_seed").iter_rows()]
        each = sorted(set.intersection(*(set(line) for line in lines)))
        found.append((x, each, np.array([np.mean([line[seed] for line in lines]) for seed in each])))
    return found


def _resampled(
    draws: Draws, cells: dict[Arm, pl.DataFrame], found: dict[Arm, Mean], runs: Floats, n_tasks: int
) -> Means:
    usable = [arm for arm, one in found.items() if one.counts.max() > 1 and one.counts.min() > 0]
    known = all(np.isfinite(draws.clips_only[mine["row"]]).all() for mine in cells.values())
    n_seeds = min((found[arm].n_seeds for arm in usable), default=1)
    covers = f"test clips and {n_seeds} seeds" if known else f"{n_seeds} seeds; test-clip noise unknown"
    if not usable:
        return Means(found, n_tasks, covers)
    places = [list(found).index(arm) for arm in usable]
    moved = seed_noise(runs[places], draws.clips_only.shape[1], np.random.default_rng(0))
    told = dict(found)
    for k, arm in enumerate(usable):
        one, mine = found[arm], cells[arm]
        deviation = moved[k][:, np.isfinite(runs[places[k]]).any(axis=1)]
        if known:
            # The rule for zero errors; a table from elsewhere may not say how many test clips there were.
            floor = mine.select(0.5 / (pl.col("n_test") + 1.0)).to_series().fill_null(0).to_numpy()
            clips = np.maximum(draws.clips_only[mine["row"]], floor[:, None]).reshape(len(one.x), n_tasks, -1)
            deviation = deviation + np.log(clips.mean(axis=1).T) - np.log(one.error)
        resampled = one.error * np.exp(np.clip(deviation, -_FARTHEST, _FARTHEST))
        told[arm] = Mean(one.x, one.error, one.counts, one.runs, resampled)
    return Means(told, n_tasks, covers)
