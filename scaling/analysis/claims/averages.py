"""Each arm's error averaged over tasks, as curves that are replicated together."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from scaling.analysis.curves.forms import Floats
from scaling.analysis.curves.pool import FEWEST
from scaling.analysis.curves.replicate import Replicates, replicate, seed_noise
from scaling.analysis.scores.arms import Arm, arms
from scaling.analysis.scores.design import Design
from scaling.analysis.scores.resamples import Draws
from scaling.analysis.scores.rows import primary

ONE_SEED = "with one seed the noise of seeds is unknown"


@dataclass(frozen=True)
class Average:
    """One arm's average curve: sizes (n,) and mean errors (n,), ascending, fewest seeds at a size, and runs behind it.

    `row` is its place in the replicates; `why` is why it has none ("" where it has).
    """

    arm: Arm
    sizes: Floats
    error: Floats
    n_seeds: int
    runs: tuple[str, ...]
    row: int = -1
    why: str = ""

    @property
    def name(self) -> str:
        """The arm's."""
        return self.arm.name


@dataclass(frozen=True)
class Averages:
    """All arms of a study.

    Attributes:
        of: by arm, in the order in which arms are shown.
        tasks: how many tasks the average is over: those that every arm has at each of its sizes.
        covers: what the replicates' noise knows of.
        replicates: of the arms that can be replicated; None if none can.
    """

    of: dict[Arm, Average]
    tasks: int
    covers: str
    replicates: Replicates | None

    def log_error(self, arm: Average, x: Floats) -> Floats:
        """(r, n) ln error of a replicated arm at (n,) sizes."""
        if self.replicates is None or arm.row < 0:
            raise ValueError(f"{arm.name} has no replicates: {arm.why}")
        return np.asarray(self.replicates.log_error(x)[arm.row])

    def exponents(self, arm: Average) -> Floats:
        """(r,) exponents of a replicated arm."""
        if self.replicates is None or arm.row < 0:
            raise ValueError(f"{arm.name} has no replicates: {arm.why}")
        return np.asarray(self.replicates.exponents()[arm.row])


def averages(draws: Draws, design: Design) -> Averages:
    """Average each arm over the tasks that all have, and replicate those with several seeds.

    Test clips are resampled as everywhere; seeds with their noise pooled over sizes (`replicate.seed_noise`). Without
    predictions seeds are the only noise. Along a nominal axis there are no curves, and so no averages.
    """
    main = draws.cells.filter(primary())
    if design.x.scale == "nominal":
        return Averages({}, 0, "nothing", None)
    cells = {arm: main.filter(arm.rows()) for arm in arms(main, design)}
    common = set(main["task"])
    for mine in cells.values():
        complete = mine.filter(pl.len().over("task") == mine["x"].n_unique())
        common &= set(complete["task"])
    if not common:
        nothing = np.empty(0)
        none = {arm: Average(arm, nothing, nothing, 0, (), why="no task at all sizes") for arm in cells}
        return Averages(none, 0, "nothing", None)
    cells = {arm: mine.filter(pl.col("task").is_in(common)).sort("x", "task") for arm, mine in cells.items()}
    sizes = sorted({size for mine in cells.values() for size in mine["x"]})
    seeds = sorted({seed for mine in cells.values() for each in mine["seeds"] for seed in each})
    runs = np.full((len(cells), len(sizes), len(seeds)), np.nan)
    found = {}
    for i, (arm, mine) in enumerate(cells.items()):
        for x, each, errors in _by_size(mine):
            runs[i, sizes.index(x), [seeds.index(seed) for seed in each]] = errors
        own = np.isfinite(runs[i]).any(axis=1)
        behind = tuple(sorted({run for line in mine["runs"] for run in line}))
        counts = np.isfinite(runs[i, own]).sum(axis=1)
        mean = mine.group_by("x", maintain_order=True).agg(pl.col("error").mean())["error"].to_numpy()
        why = ""
        if counts.max(initial=0) < 2:
            why = ONE_SEED
        elif own.sum() < FEWEST or not own.any() or own.sum() != len(mean):
            why = f"{own.sum()} sizes are too few for a curve"
        found[arm] = Average(arm, np.array(sorted(set(mine["x"])), dtype=float), mean,
                             int(counts.min()) if counts.size else 0, behind, why=why)  # fmt: skip
    return _replicated(draws, cells, found, runs, np.array(sizes, dtype=float), len(common))


def _by_size(mine: pl.DataFrame) -> list[tuple[float, list[int], Floats]]:
    """(size, the seeds that every task has, their errors averaged over tasks)."""
    found = []
    for (x,), part in mine.group_by("x", maintain_order=True):
        lines = [dict(zip(s, e, strict=True)) for s, e in part.select("seeds", "by_seed").iter_rows()]
        each = sorted(set.intersection(*(set(line) for line in lines)))
        found.append((x, each, np.array([np.mean([line[seed] for line in lines]) for seed in each])))
    return found


def _replicated(
    draws: Draws, cells: dict[Arm, pl.DataFrame], found: dict[Arm, Average], runs: Floats, sizes: Floats, n_tasks: int
) -> Averages:  # fmt: skip
    usable = [arm for arm, one in found.items() if not one.why]
    known = all(np.isfinite(draws.clips_only[mine["row"]]).all() for mine in cells.values())
    n_seeds = min((found[arm].n_seeds for arm in usable), default=1)
    covers = f"test clips and {n_seeds} seeds" if known else f"{n_seeds} seeds; test-clip noise unknown"
    if not usable:
        return Averages(found, n_tasks, covers, None)
    places = [list(found).index(arm) for arm in usable]
    moved = seed_noise(runs[places], draws.clips_only.shape[1], np.random.default_rng(0))
    curves, again, counts = [], [], []
    for k, arm in enumerate(usable):
        one, mine = found[arm], cells[arm]
        own = np.isin(sizes, one.sizes)
        deviation = moved[k][:, own]
        if known:
            # The rule for zero errors; a table from elsewhere may not say how many test clips there were.
            floor = mine.select(0.5 / (pl.col("n_test") + 1)).to_series().fill_null(0).to_numpy()
            clips = np.maximum(draws.clips_only[mine["row"]], floor[:, None]).reshape(len(one.sizes), n_tasks, -1)
            deviation = deviation + np.log(clips.mean(axis=1).T) - np.log(one.error)
        curves.append((one.sizes, one.error))
        again.append(one.error * np.exp(deviation))
        counts.append(np.maximum(np.isfinite(runs[places[k]][own]).sum(axis=1), 1).astype(float))
    replicates = replicate(curves, again, counts)
    told = dict(found)
    for k, (arm, curve) in enumerate(zip(usable, replicates.curves, strict=True)):
        one = found[arm]
        why = {"flat": "its error neither falls nor rises beyond the noise", "rises with data": "its error rises"}
        reason = "" if curve.pool is not None else f"{one.name}: {why.get(curve.status, curve.status)}"
        told[arm] = replace(one, row=-1 if reason else k, why=reason)
    return Averages(told, n_tasks, covers, replicates)
