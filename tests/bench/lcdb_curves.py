"""Learning curves with repeats, of many learners, as benches and tests read them: half of LCDB, in ../shared/lcdb.

Protocol A: of each curve, four sizes (three repeats each) that end at a 2nd to 32nd part of its largest size, which is
to be predicted. Protocol B: of each data set, eight learners as the arms of one study.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FILE = Path(__file__).parents[3] / "shared" / "lcdb" / "curves.parquet"
FACTORS = (2, 4, 8, 16, 32)
SEEDS = 3
N_SIZES = 4
SPAN = 64  # largest over smallest size fitted, at most
LEAST, LEAST_BASE, LEAST_BASE_OF_ARMS = 128, 2048, 512
PERFECT = 0.002  # a largest size's error that is not asked for
ARMS = (
    "ExtraTreesClassifier", "RandomForestClassifier", "GradientBoostingClassifier", "LogisticRegression",
    "MLPClassifier", "KNeighborsClassifier", "DecisionTreeClassifier", "SVC_rbf",
)  # fmt: skip
KINDS = {
    "trees": ("ExtraTrees", "RandomForest", "GradientBoosting", "DecisionTree", "ExtraTree"),
    "linear": (
        "LogisticRegression", "Ridge", "Perceptron", "PassiveAggressive", "SGD", "LinearDiscriminantAnalysis",
        "SVC_linear",
    ),
    "kernels": ("SVC_poly", "SVC_rbf", "SVC_sigmoid"),
    "networks": ("MLP",),
}  # fmt: skip


def kind(learner: str) -> str:
    """Which kind of learner it is: one of `KINDS`, or "the rest"."""
    name = learner.removesuffix("Classifier")
    return next((kind for kind, names in KINDS.items() if name in names), "the rest")


@dataclass(frozen=True)
class Repeated:
    """One curve: its data set and learner, and of each size, ascending, the errors of its repeats by seed."""

    data_set: str
    learner: str
    sizes: Floats
    errors: tuple[Floats, ...]
    n_test: int

    def mean(self, k: int) -> float:
        """The mean error at the k-th size."""
        return float(self.errors[k].mean())

    def nearest(self, low: float, high: float, n: int | None = N_SIZES) -> list[int]:
        """Places of the n sizes nearest to an even spacing in the log; of all in between for None."""
        if n is None:
            return np.flatnonzero((self.sizes >= low) & (self.sizes <= high)).tolist()
        logs = np.log(self.sizes)
        return sorted({int(np.abs(logs - t).argmin()) for t in np.linspace(np.log(low), np.log(high), n)})


@dataclass(frozen=True)
class Case:
    """What is fitted of one curve, (n,) runs, and what is to be predicted: the sizes beyond, the largest last.

    Attributes:
        new, mean: (m,) at each of those sizes, the error of a new run (the repeat with the highest seed), and the mean.
    """

    curve: Repeated
    factor: int
    x: Floats
    y: Floats
    at: Floats
    new: Floats
    mean: Floats

    @property
    def last(self) -> float:
        """The mean error at the largest size fitted."""
        return float(self.y[self.x == self.x.max()].mean())


def lcdb_curves() -> list[Repeated]:
    """All curves, by data set and learner."""
    table = pl.read_parquet(FILE).sort("openmlid", "learner", "examples", "seed")
    found = []
    for (data_set, learner), rows in table.group_by("openmlid", "learner", maintain_order=True):
        sizes = rows.group_by("examples", maintain_order=True).agg(pl.col("error").cast(pl.Float64))
        errors = tuple(np.array(each) for each in sizes["error"])
        short = str(learner).rpartition(".")[2]
        found.append(Repeated(str(data_set), short, sizes["examples"].to_numpy().astype(float), errors,
                              int(rows["n_test"][0])))  # fmt: skip
    return found


def cases(
    curves: list[Repeated], factors: tuple[int, ...] = FACTORS, n_sizes: int | None = N_SIZES, seeds: int = SEEDS
) -> Iterator[Case]:
    """Protocol A of all curves and factors, or a like one: all sizes for None."""
    for curve in curves:
        small = int((curve.sizes < LEAST).sum())
        own = Repeated(curve.data_set, curve.learner, curve.sizes[small:], curve.errors[small:], curve.n_test)
        for factor in factors:
            bases = own.sizes[(own.sizes <= curve.sizes[-1] / factor) & (own.sizes >= LEAST_BASE)]
            if not bases.size:
                continue
            base = float(bases[-1])
            chosen = own.nearest(max(base / SPAN, LEAST), base, n_sizes)
            y = [own.errors[k][:seeds] for k in chosen]
            if min(float(each.min()) for each in y) == 0 or own.mean(-1) <= PERFECT:
                continue
            x = np.concatenate([np.full(len(each), own.sizes[k]) for k, each in zip(chosen, y, strict=True)])
            ahead = np.flatnonzero(own.sizes > base)[::-1][::2][::-1]
            new = np.array([max(own.errors[k][-1], 0.5 / (own.n_test + 1)) for k in ahead])
            mean = np.array([own.mean(k) for k in ahead])
            seen = mean > PERFECT
            yield Case(own, factor, x, np.concatenate(y), own.sizes[ahead][seen], new[seen], mean[seen])
