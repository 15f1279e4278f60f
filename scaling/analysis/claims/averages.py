"""Each arm's error averaged over tasks, as curves that are replicated together."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from scaling.analysis.claims.means import Mean, means
from scaling.analysis.curves.ahead import ahead, doubled, exponents_apart
from scaling.analysis.curves.fit import fit_observed
from scaling.analysis.curves.forms import Floats
from scaling.analysis.curves.observed import observe
from scaling.analysis.curves.pool import FEWEST, Pool
from scaling.analysis.curves.replicate import Replicates, replicate
from scaling.analysis.scores.arms import Arm, arms
from scaling.analysis.scores.design import Design
from scaling.analysis.scores.metrics import headline
from scaling.analysis.scores.resamples import Draws

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
        pools: what predicts each of these.
    """

    of: dict[Arm, Average]
    tasks: int
    covers: str
    replicates: Replicates | None
    pools: tuple[Pool | None, ...] = ()

    def log_error(self, arm: Average, x: Floats) -> Floats:
        """(r, n) ln error of a replicated arm at (n,) sizes: its law, through what was seen."""
        if self.replicates is None or arm.row < 0:
            raise ValueError(f"{arm.name} has no replicates: {arm.why}")
        return self.replicates.as_seen(arm.row, x)

    def pair_log_error(self, one: Average, other: Average, largest: float, x: Floats) -> Floats:
        """(2, r, n) ln error of two replicated arms at (n,) sizes; beyond the largest of both as `ahead` says."""
        two = (one, other)
        ln = np.stack([self.log_error(arm, x) for arm in two])
        pools = [self.pools[arm.row] for arm in two]
        if self.replicates is None or pools[0] is None or pools[1] is None:
            raise ValueError(f"{one.name} or {other.name} has no curve")
        seen = [self.replicates.given[arm.row][:, np.flatnonzero(arm.sizes == largest)[0]] for arm in two]
        return ahead(ln, np.log(x), float(np.log(largest)), np.stack(seen), (pools[0], pools[1]))

    def lawless(self, arm: Average) -> str:
        """Why a replicated arm has no exponent; "" where it has."""
        status = "" if self.replicates is None else self.replicates.curves[arm.row].status
        why = {"flat": "the error neither falls nor rises beyond the noise", "rises with data": "the error rises"}
        return f"{arm.name}: {why[status]}" if status in why else ""

    def exponents_apart(self, one: Average, other: Average) -> Floats:
        """(r,) exponent of the other replicated arm minus that of the one, as `ahead` says."""
        if self.replicates is None or one.row < 0 or other.row < 0:
            raise ValueError(f"{one.name} or {other.name} has no replicates")
        return exponents_apart(self.replicates.exponents()[[one.row, other.row]])

    def doubling(self, arm: Average) -> tuple[Floats, Floats]:
        """(r,) ln errors of a replicated arm at its largest size, and at twice that size as `ahead` says."""
        pool = self.pools[arm.row] if arm.row >= 0 else None
        if self.replicates is None or pool is None:
            raise ValueError(f"{arm.name} has no curve: {arm.why}")
        seen = self.replicates.given[arm.row][:, arm.sizes.size - 1]
        return seen, doubled(pool, seen)


def averages(draws: Draws, design: Design, costs: Mapping[Arm, Mapping[float, float]] | None = None) -> Averages:
    """Average each arm over the tasks that all have (`means`), and replicate those with several seeds.

    Without predictions seeds are the only noise. Along a nominal axis there are no curves, and so no averages.

    Args:
        costs: where curves run along what the runs cost, each arm's cost by its place on the axis.
    """
    main = headline(draws.cells)
    if design.x.scale == "nominal":
        return Averages({}, 0, "nothing", None)
    cells = {arm: main.filter(arm.rows()) for arm in arms(main, design)}
    seen = means(draws, cells)
    if costs is not None:
        # Places are moved after resampling: runs of one size and seed are twins, whatever they cost.
        of = {arm: replace(one, x=np.array([costs[arm][x] for x in one.x])) for arm, one in seen.of.items()}
        seen = replace(seen, of=of)
    if not seen.of:
        nothing = np.empty(0)
        none = {arm: Average(arm, nothing, nothing, 0, (), why="no task at all sizes") for arm in cells}
        return Averages(none, 0, "nothing", None)
    found = {arm: _average(arm, one) for arm, one in seen.of.items()}
    usable = [arm for arm, one in found.items() if not one.why]
    if not usable:
        return Averages(found, seen.tasks, seen.covers, None)
    those = [seen.of[arm] for arm in usable]
    curves = [(one.x, one.error) for one in those]
    resampled = [one.resampled for one in those if one.resampled is not None]
    runs = [np.maximum(one.counts, 1) for one in those]
    replicates = replicate(curves, resampled, runs)
    pools = tuple(curve.pool for curve in fit_observed(observe(curves, resampled, runs), draws=0))
    for k, (arm, curve) in enumerate(zip(usable, replicates.curves, strict=True)):
        reason = "" if curve.pool is not None else f"{found[arm].name}: {curve.status}"
        found[arm] = replace(found[arm], row=-1 if reason else k, why=reason)
    return Averages(found, seen.tasks, seen.covers, replicates, pools)


def _average(arm: Arm, seen: Mean) -> Average:
    why, sizes = "", int((seen.counts > 0).sum())
    if seen.counts.max() < 2:
        why = ONE_SEED
    elif sizes < FEWEST or seen.resampled is None:
        why = f"{sizes} size{'s are' if sizes > 1 else ' is'} too few for a curve"
    return Average(arm, seen.x, seen.error, seen.n_seeds, seen.runs, why=why)
