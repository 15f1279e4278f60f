"""Where two arms' curves cross, by paired replicates of their averages over all tasks."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from scaling.analysis.differences import PAIR, Differences
from scaling.analysis.fit import LEVEL, Floats, Interval
from scaling.analysis.replicate import replicate
from scaling.analysis.scores import thousands

REACH = 10  # a crossing is sought up to this many times the largest size
SURE = 0.95
_FEWEST = 3  # sizes that carry a curve
_LINE = 65


@dataclass(frozen=True)
class Crossing:
    """Two arms over the sizes and up to `REACH` times the largest.

    Attributes:
        contrast, arm, other, held: as in `Differences.table`; (2, ...) arrays hold `arm` first.
        clips, errors: (n,) sizes and (2, n) mean errors over the tasks.
        x, line, low, high: (g,) sizes, (2, g) pooled curves and bands (level `LEVEL`) of the mean curve.
        at, interval: where they cross, median and interval of the replicates that do; inf: beyond the reach or never.
        probability: that they cross within the reach.
    """

    contrast: str
    arm: str
    other: str
    held: str
    clips: Floats
    errors: Floats
    x: Floats
    line: Floats
    low: Floats
    high: Floats
    at: float
    interval: Interval
    probability: float

    @property
    def claimed(self) -> bool:
        """Whether they cross within the reach with a probability that allows to say so."""
        return self.probability >= SURE

    @property
    def sentence(self) -> str:
        """What can be said of the crossing, for a title."""
        if self.claimed:
            low, high = (thousands(float(f"{end:.2g}")) if np.isfinite(end) else "more" for end in self.interval)
            return f"cross at about {thousands(float(f'{self.at:.2g}'))} clips ({100 * LEVEL:.0f} %: {low} to {high})"
        if self.probability <= 1 - SURE:
            return f"no crossing within {REACH}x (probability {100 * (1 - self.probability):.0f} %)"
        return f"cannot be said: a crossing within {REACH}x has probability {100 * self.probability:.0f} %"


def crossing_size(ln: Floats, x: Floats) -> Floats:
    """Where two curves change places for the last time.

    Args:
        ln: (2, r, n) ln errors of two arms, paired.
        x: (n,) sizes, ascending.

    Returns:
        (r,) the size, between two of x linear in ln x; inf where they keep their order, NaN where a curve is NaN.
    """
    gap = ln[0] - ln[1]
    changed = np.signbit(gap[:, 1:]) != np.signbit(gap[:, :-1])
    k = np.where(changed, np.arange(1, x.size), 0).max(axis=1)
    rows = np.arange(len(gap))
    before, after = gap[rows, np.maximum(k - 1, 0)], gap[rows, k]
    log = np.log(x)
    share = before / np.where(before == after, 1, before - after)
    found = np.exp(log[np.maximum(k - 1, 0)] + share * (log[k] - log[np.maximum(k - 1, 0)]))
    return np.where(np.isnan(gap).any(axis=1), np.nan, np.where(k > 0, found, np.inf))


def crossings(diffs: Differences) -> list[Crossing]:
    """Every pair of arms whose averages carry two curves: three sizes or more over the same tasks, noise known, and
    neither rising with data."""
    overall = diffs.table.filter(pl.col("scope") == "all tasks")
    found = []
    for pair in overall.partition_by(PAIR, maintain_order=True):
        pair = pair.sort("clips")
        whole = pair.height >= _FEWEST and pair["n_tasks"].n_unique() == 1 and pair["low"].is_finite().all()
        if whole and (one := _crossing(pair, diffs)) is not None:
            found.append(one)
    return found


def _crossing(pair: pl.DataFrame, diffs: Differences) -> Crossing | None:
    clips = pair["clips"].to_numpy().astype(np.float64)
    errors = pair.select("error_arm", "error_other").to_numpy().T
    if not (errors > 0).all():
        return None
    resampled = [draws[pair["row"]].T for draws in (diffs.arm_draws, diffs.other_draws)]
    runs = [pair["n_seeds"].to_numpy().astype(np.float64)] * 2
    arms = replicate([(clips, row) for row in errors], resampled, runs)
    x = np.geomspace(clips[0], REACH * clips[-1], _LINE)
    ln = arms.log_error(x)
    if not np.isfinite(ln).all():
        return None
    size = crossing_size(ln, x)
    crossed = np.isfinite(size)
    tail = (1 - LEVEL) / 2
    # By rank, not between: beyond the reach a size is inf.
    ends = np.quantile(size, [tail, 0.5, 1 - tail], method="nearest")
    low, high = np.exp(np.quantile(ln, [tail, 1 - tail], axis=1))
    contrast, arm, other, held = (str(pair[key][0]) for key in PAIR)
    line = np.stack([curve.predict(x) for curve in arms.curves])
    return Crossing(
        contrast, arm, other, held, clips, errors, x, line, low, high, float(ends[1]), (float(ends[0]), float(ends[2])),
        float(crossed.mean()),
    )  # fmt: skip
