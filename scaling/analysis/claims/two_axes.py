"""A study with two axes as surfaces: each arm's average error over both, and the law fitted to it."""

from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from scaling.analysis.claims.means import Mean, Means, means
from scaling.analysis.curves.allocation import Cost, fit_cost
from scaling.analysis.curves.forms import Floats
from scaling.analysis.curves.points import noise_about
from scaling.analysis.curves.repetition import Repetition, fit_repetition
from scaling.analysis.curves.surface import Surface, fit_surface
from scaling.analysis.scores.arms import Arm, arms
from scaling.analysis.scores.design import Axis, Design
from scaling.analysis.scores.metrics import headline
from scaling.analysis.scores.resamples import FIT_RESAMPLES, Draws
from scaling.analysis.scores.rows import trained

_CLIPS, _SEEN = "clips", "samples_seen"
_OFF = 2.0  # times the noise of resamples: a law that is further off is not the truth
_TINY = 1e-9  # a resampled error of 0 has no logarithm


@dataclass(frozen=True)
class Plane:
    """One arm over two axes.

    Attributes:
        arm: one level of every factor.
        size, data: the two axes. `data` says how much a run was given: samples seen, or else clips; `size` what varies
            beside it: parameters, or the clips that the samples repeat.
        N, D: (n,) places on them.
        error: (n,) averaged over tasks and seeds.
        n_seeds: the fewest at a place.
        runs: behind it, sorted.
        tasks: how many the average is over.
        covers: what intervals know of.
        law: fitted, with draws; None where `why` says why not.
        cost: what a run costs by N and D; None where `why_no_cost` says why not.
        computes: (runs,) flops, ascending; empty without a cost.
        flops: (n,) of a run at each place, on average; NaN where unknown.
        resampled: (r, n) errors, seeds and test clips resampled together; empty with one seed.
    """

    arm: Arm
    size: Axis
    data: Axis
    N: Floats
    D: Floats
    error: Floats
    n_seeds: int
    runs: tuple[str, ...]
    tasks: int
    covers: str
    law: Surface | Repetition | None = None
    why: str = ""
    cost: Cost | None = None
    why_no_cost: str = ""
    computes: Floats = field(default_factory=lambda: np.empty(0))
    flops: Floats = field(default_factory=lambda: np.empty(0))
    resampled: Floats = field(default_factory=lambda: np.empty((0, 0)), repr=False, compare=False)

    @property
    def repeats(self) -> bool:
        """Whether the axes are unique clips and samples seen: how often clips are repeated is what varies."""
        return {self.size.column, self.data.column} == {_CLIPS, _SEEN}

    @property
    def seen(self) -> Floats:
        """(n,) N, but of clips no more than were seen."""
        return np.minimum(self.N, self.D) if self.repeats else self.N

    @property
    def residual(self) -> float:
        """Standard deviation of ln error about the law; NaN without one."""
        if self.law is None:
            return float("nan")
        spent = 5 if isinstance(self.law, Surface) else 4
        rest = np.log(self.error / self.law.predict(self.seen, self.D))
        return float(np.sqrt(rest @ rest / max(rest.size - spent, 1)))


def planes(draws: Draws, scores: pl.DataFrame, design: Design) -> list[Plane]:
    """Every arm of a study with two axes along which laws are fitted, in the order in which arms are shown; none of
    another study.

    Averages are those of `means`. With several seeds everywhere, laws are refitted to resampled seeds and test clips;
    with one, or where the law is further off than these explain, to noise as what is left around it tells it.
    """
    if len(design.axes) != 2 or any(axis.scale == "nominal" for axis in design.axes):
        return []
    second = design.axes[1]
    main = headline(draws.cells).with_columns(pl.col("x").alias("first"), pl.col(second.column).alias("second"))
    # Places in one row, so that both axes are averaged and resampled as one is.
    places = main.select("first", "second").unique().sort("first", "second").with_row_index("place")
    main = main.join(places, on=["first", "second"], maintain_order="left").with_columns(x=pl.col("place"))
    runs = trained(scores, design).unique(["run", "seed"], maintain_order=True)
    factors_alone = replace(design, axes=design.axes[:1])
    cells = {arm: main.filter(arm.rows()) for arm in arms(main, factors_alone)}
    seen = means(draws, cells)
    where = places.select("first", "second").to_numpy().astype(np.float64)
    return [
        _plane(arm, one, seen, where[one.x.astype(int)], runs.filter(arm.rows()), design)
        for arm, one in seen.of.items()
    ]


def _plane(arm: Arm, one: Mean, seen: Means, where: Floats, runs: pl.DataFrame, design: Design) -> Plane:
    """`where` (n, 2) places on the axes, in the design's order."""
    at = [1, 0] if _data_is_second(design) else [0, 1]
    (data, size), (D, N) = [design.axes[k] for k in at], where[:, at].T
    again = None if one.resampled is None else one.resampled[:FIT_RESAMPLES]
    found = Plane(
        arm, size, data, N, D, one.error, one.n_seeds, one.runs, seen.tasks, seen.covers,
        flops=_flops(runs, size, data, N, D), resampled=np.empty((0, N.size)) if again is None else again,
    )  # fmt: skip
    try:
        found = replace(found, law=_law(found, again))
        if again is None or found.residual > _OFF * noise_about(np.log(np.maximum(again, _TINY))):
            found = replace(found, law=_law(found, None), covers="what is left around the fitted surface")
    except ValueError as error:
        return replace(found, why=str(error), covers="nothing")
    try:
        own = [runs[name].cast(pl.Float64).to_numpy() for name in (size.column, data.column, "flops")]
        return replace(found, cost=fit_cost(own[0], own[1], own[2]), computes=np.sort(own[2]))
    except ValueError as error:
        return replace(found, why_no_cost=str(error))


def _flops(runs: pl.DataFrame, size: Axis, data: Axis, N: Floats, D: Floats) -> Floats:
    """(n,) what runs at these places cost on average; NaN where one of them does not say."""
    places = [runs[axis.column].cast(pl.Float64).to_numpy() for axis in (size, data)]
    flops = runs["flops"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    here = [(places[0] == n) & (places[1] == d) for n, d in zip(N, D, strict=True)]
    return np.array([float(flops[mine].mean()) if mine.any() else float("nan") for mine in here])


def _law(plane: Plane, resampled: Floats | None) -> Surface | Repetition:
    if plane.repeats:
        # Where fewer samples were seen than there are clips, the rest was not seen.
        return fit_repetition(plane.seen, plane.D, plane.error, draws=FIT_RESAMPLES, resampled=resampled)
    return fit_surface(plane.N, plane.D, plane.error, draws=FIT_RESAMPLES, resampled=resampled)


def _data_is_second(design: Design) -> bool:
    first, second = (axis.column for axis in design.axes)
    return second == _SEEN or (second == _CLIPS and first != _SEEN)
