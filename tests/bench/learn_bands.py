"""The weights of bands, learned on both collections of public curves, and what bands held out of sample.

    python tests/bench/learn_bands.py            # Markdown tables
    python tests/bench/learn_bands.py --write    # also writes bands.csv and calibration.csv of scaling/analysis/curves

`tests/bench/lcdb.py` and `tests/bench/extrapolation.py` judge bands by what is learned here without the data sets (or
public curves) that are judged.
"""

import argparse
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import get_args

import numpy as np
from band_points import Points, points
from lcdb_curves import Floats
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import digamma, expit, gammaln

from scaling.analysis.curves import bands
from scaling.analysis.curves.bands import FACTORS, FAR, LEVELS, NEAR, SIZES, half_widths
from scaling.analysis.curves.pool import Known

FOLDER = Path(bands.__file__).parent
KNOWN: tuple[Known, ...] = get_args(Known)
_TINY = 1e-8
_SMOOTH = 0.03  # of the pinball loss's kink, in ln half-width
_LEAST = 1e-3  # of what is learned on: a score below counts as this
_DOUBT = 1e-3  # pulls the factor at a bound to 1 where few curves have one


def learn(told: Points) -> Floats:
    """(2 sides, levels, 6) as `bands.learned`."""
    used = told.weight > 0
    made_of, rest, weight = told.parts[used], told.rest[used], told.weight[used] / told.weight[used].sum()
    scale = _scale(made_of, rest, weight)
    score = rest / np.sqrt(made_of**2 @ scale**2 + _TINY)
    rows = np.stack([np.ones_like(rest), np.log(np.clip(told.beyond[used], NEAR, FAR)), told.bound[used]], axis=1)
    groups = len(np.unique(told.group[used]))
    found = np.empty((2, len(LEVELS), 6))
    for s, side in enumerate((-1, 1)):
        for k, level in enumerate(LEVELS):
            # Conformal prediction of a further data set: one more than those that were learned on.
            wanted = min(level * (groups + 1) / groups, 0.999)
            at, power, bound = _quantile(side * score, rows, weight, (1 + wanted) / 2)
            found[s, k] = [*scale * np.exp(at), power, bound]
    return found


def _scale(made_of: Floats, rest: Floats, weight: Floats) -> Floats:
    """(4,) weights of the parts in the scale of Student's t, of the highest likelihood."""
    squares = made_of**2

    def lost(theta: Floats) -> tuple[float, Floats]:
        part, nu = np.exp(2 * theta[:-1]), np.exp(theta[-1])
        scale = np.sqrt(squares @ part + _TINY)
        z = (rest / scale) ** 2 / nu
        log = gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log(nu * np.pi) - np.log(scale)
        log = log - (nu + 1) / 2 * np.log1p(z)
        by_scale = (-1 + (nu + 1) * z / (1 + z)) / (2 * scale**2)
        by_nu = 0.5 * (digamma((nu + 1) / 2) - digamma(nu / 2) - 1 / nu - np.log1p(z) + (nu + 1) / nu * z / (1 + z))
        return -float(weight @ log), -np.append(2 * part * ((weight * by_scale) @ squares), (weight @ by_nu) * nu)

    start = np.array([-1.0, -1.0, -1.0, -1.0, 1.0])
    return np.asarray(np.exp(minimize(lost, start, jac=True, bounds=[(-6, 3)] * 4 + [(-1, 4)]).x[:-1]))


def _quantile(score: Floats, rows: Floats, weight: Floats, p: float) -> Floats:
    """(3,) of a linear quantile regression of ln score on (n, 3) rows, by a smoothed pinball loss."""
    value, doubt = np.log(np.maximum(score, _LEAST)), np.array([0.0, 0.0, _DOUBT])

    def lost(b: Floats) -> tuple[float, Floats]:
        rest = value - rows @ b
        pinball = p * rest + _SMOOTH * np.logaddexp(0, -rest / _SMOOTH)
        slope = -rows.T @ (weight * (p - expit(-rest / _SMOOTH)))
        return float(weight @ pinball + 0.5 * doubt @ b**2), slope + doubt * b

    order = np.argsort(value)
    start = float(value[order][np.searchsorted(np.cumsum(weight[order]), p)])
    return np.asarray(minimize(lost, np.array([start, 0.0, 0.0]), jac=True).x)


@dataclass(frozen=True)
class Ends:
    """Bands of other people's points: (levels, n) half-widths below and above what is predicted."""

    below: Floats
    above: Floats

    def held(self, rest: Floats, level: float) -> NDArray[np.bool_]:
        """Whether bands of this level hold what lies this far (ln) from the prediction."""
        k = LEVELS.index(level)
        return np.asarray((-self.below[k] <= rest) & (rest <= self.above[k]))

    def score(self, rest: Floats, level: float) -> Floats:
        """Interval scores of the log error."""
        k = LEVELS.index(level)
        return interval_score(-self.below[k], self.above[k], rest, 1 - level)


def interval_score(low: Floats, high: Floats, value: Floats, alpha: float) -> Floats:
    return np.asarray(high - low + 2 / alpha * (np.maximum(low - value, 0) + np.maximum(value - high, 0)))


def judged(told: Points, fold: NDArray[np.str_] | NDArray[np.int64]) -> Ends:
    """Bands of every point, learned on points of all other folds, and of as many runs a size."""
    ends = np.full((2, len(LEVELS), len(told.rest)), np.nan)
    for known in KNOWN:
        mine = told.known == known
        for here in np.unique(fold[mine]):
            out = mine & (fold == here)
            weights = learn(told.at(mine & (fold != here)))
            half = half_widths(weights, told.parts[out].T, told.beyond[out], told.bound[out])
            ends[:, :, out] = np.maximum.accumulate(half, axis=1)
    return Ends(*ends)


def share(value: Floats, told: Points) -> tuple[float, float, int]:
    """Weighted mean, its standard error over groups, and how many groups there are."""
    names, place = np.unique(told.group, return_inverse=True)
    weight = np.bincount(place, weights=told.weight)
    total = np.bincount(place, weights=told.weight * value)
    mean = float(total.sum() / weight.sum())
    apart = total - mean * weight
    n = len(names)
    return mean, float(np.sqrt((apart**2).sum() * n / max(n - 1, 1)) / weight.sum()), n


def classes(told: Points) -> list[tuple[str, int, float, NDArray[np.bool_]]]:
    """Runs, smallest number of sizes and mean factor of each class of the table, and its points."""
    found = []
    for runs in KNOWN:
        for i, fewest in enumerate(SIZES):
            most = [*SIZES[1:], np.inf][i]
            for low, high in pairwise(FACTORS):
                here = (told.known == runs) & (told.n_sizes >= fewest) & (told.n_sizes < most)
                here &= (told.beyond >= np.log(low)) & (told.beyond < np.log(high)) & (told.weight > 0)
                if len(np.unique(told.group[here])) > 2:
                    found.append((runs, fewest, float(np.sqrt(low * high)), here))
    return found


def write(told: Points, ends: Ends) -> None:
    """The tables that are shipped."""
    head = "# Learned on LCDB and on the curves of Alabdulmohsin et al. 2022 by tests/bench/learn_bands.py --write."
    lines = [head, "runs,side,level,noise,spread,apart,steep,power,bound"]
    for runs in KNOWN:
        weights = learn(told.at(told.known == runs))
        for side, mine in zip(("below", "above"), weights, strict=True):
            for level, row in zip(LEVELS, mine, strict=True):
                lines.append(",".join([runs, side, f"{level}", *(f"{v:.4g}" for v in row)]))
    (FOLDER / "bands.csv").write_text("\n".join(lines) + "\n")
    lines = ["# What bands covered of data sets (public curves) that they were not learned on; see bands.csv."]
    lines += ["runs,sizes,factor,level,covered,stderr,curves"]
    for runs, fewest, factor, here in classes(told):
        for level in LEVELS:
            covered, stderr, n = share(ends.held(told.rest, level)[here].astype(float), told.at(here))
            lines.append(f"{runs},{fewest},{factor:.3g},{level},{covered:.3f},{stderr:.3f},{n}")
    (FOLDER / "calibration.csv").write_text("\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the tables that are shipped")
    told = points()
    ends = judged(told, told.group)
    print("| noise told by | sizes | times the largest | 50 % bands | 90 % bands | data sets |")
    print("|---|---:|---:|---:|---:|---:|")
    for runs, fewest, factor, here in classes(told):
        cells = [share(ends.held(told.rest, p)[here].astype(float), told.at(here)) for p in (0.5, 0.9)]
        shown = " | ".join(f"{100 * mean:.0f} ± {100 * error:.0f} %" for mean, error, _ in cells)
        print(f"| {runs} | {fewest} | {factor:.3g} | {shown} | {cells[0][2]} |")
    if parser.parse_args().write:
        write(told, ends)


if __name__ == "__main__":
    main()
