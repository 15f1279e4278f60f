"""How well curves are extrapolated, and how often intervals hold: 47 public curves (../shared/extrapolation).

    python tests/bench/extrapolation.py            # Markdown tables
    python tests/bench/extrapolation.py --write    # also writes scaling/analysis/curves/calibration.csv

Intervals are judged and calibrated on every curve with 3, 4, 5, 8 and all its sizes, ending at the last size
that may be fitted and at 1/4 of it; everything beyond is predicted. What calibrates a curve's intervals
never saw that curve (12-fold cross-validation over curves); every curve counts once. The plain bands it is compared
with are those of the default law on all sizes with resampled residuals, calibrated in the same way, with a
number of their own for each class of sizes.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from public_curves import FOLDER, Floats, Public, cases, public_curves
from scipy.optimize import linprog
from scipy.sparse import csr_matrix, eye, hstack

from scaling.analysis.curves import bands
from scaling.analysis.curves.bands import FACTORS, LEVELS, SIZES
from scaling.analysis.curves.fit import Curve, fit_curves
from scaling.analysis.curves.forms import OFFSET
from scaling.analysis.curves.observed import table
from scaling.analysis.curves.solve import polish, solve

TABLE = Path(bands.__file__).with_name("calibration.csv")
DRAWS = 200
PER_CLASS = 8  # held-out points a class of factors, so that dense curves take no more time than others
CENTRES = np.sqrt(np.array(FACTORS[:-1]) * np.array(FACTORS[1:]))  # of the classes of factors
FOLDS = 12
Features = Callable[[Floats, Floats], Floats]


@dataclass(frozen=True)
class Judged:
    """One case with one kind of band: raw half-widths (levels, n) of the points beyond the data."""

    case: Public
    n_sizes: int
    factor: Floats
    centre: Floats
    y: Floats
    below: Floats
    above: Floats

    def scores(self, level: int) -> Floats:
        """(n,) in half-widths, how far the observation lies from the prediction."""
        rest = self.y - self.centre
        return np.where(rest < 0, -rest / self.below[level], rest / self.above[level])


def chosen_points(case: Public) -> tuple[Floats, Floats, Floats]:
    """ln size, ln error and factor of the points to be predicted, evenly thinned in each class of factors."""
    factor = case.held_x / case.x.max()
    kind = np.digitize(factor, FACTORS)
    keep = [np.flatnonzero(kind == k) for k in range(1, len(FACTORS) + 1)]
    rows = np.concatenate([k[np.unique(np.linspace(0, len(k) - 1, PER_CLASS).astype(int))] for k in keep if len(k)])
    return np.log(case.held_x[rows]), np.log(case.held_y[rows]), factor[rows]


def pooled(found: Sequence[Public]) -> list[Judged]:
    judged = []
    for case, curve in zip(found, fit_curves([(c.x, c.y) for c in found], draws=DRAWS), strict=True):
        if curve.pool is None:
            print(f"no law for {case.name} with {curve.n_sizes} sizes: {curve.status}")
            continue
        x, y, factor = chosen_points(case)
        centre, below, above = bands.half_widths(curve.pool, x, LEVELS)
        judged.append(Judged(case, curve.n_sizes, factor, centre, y, below, above))
    return judged


def plain(found: Sequence[Public]) -> list[Judged]:
    """The default law on all sizes; residuals drawn with replacement, refitted, and one more added."""
    judged = []
    rng = np.random.default_rng(0)
    for case in found:
        sizes, place, runs = np.unique(case.x, return_inverse=True, return_counts=True)
        data = table([(sizes, np.bincount(place, weights=case.y) / runs, runs.astype(float))])
        u = data.x - data.centre[:, None]
        theta, _ = solve(OFFSET, u, data.y, data.w)
        fitted, _ = OFFSET.log_error(u, theta)
        rest = (data.y - fitted)[0]
        rest *= np.sqrt(len(sizes) / max(len(sizes) - 3, 1))
        noisy = fitted + rng.choice(rest, (DRAWS, len(sizes)))
        many = [np.repeat(a, DRAWS, axis=0) for a in (u, data.w, theta)]
        drawn, _ = polish(OFFSET, many[0], noisy, many[1], many[2], steps=30)
        x, y, factor = chosen_points(case)
        v = x - data.centre[0]
        centre = OFFSET.log_error(v[None], theta)[0][0]
        values = OFFSET.log_error(np.broadcast_to(v, (DRAWS, len(v))), drawn)[0] + rng.choice(rest, (DRAWS, 1))
        below, above = [], []
        for level in LEVELS:
            low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
            least = np.maximum(0.1 * (high - low), 1e-4)  # residuals of three sizes are 0
            below.append(np.maximum(centre - low, least))
            above.append(np.maximum(high - centre, least))
        judged.append(Judged(case, len(sizes), factor, centre, y, np.stack(below), np.stack(above)))
    return judged


@dataclass(frozen=True)
class Points:
    """All points of all cases, flat: what multipliers hang on (n, 3), weight (a curve's sum to 1), scores (p, n)."""

    curve: Floats
    features: Floats
    weight: Floats
    scores: Floats


def features(n_sizes: Floats, factor: Floats) -> Floats:
    """(n, 3) 1, ln(sizes) and ln(factor), as far as the classes of the table reach."""
    sizes, kinds = np.clip(n_sizes, SIZES[0], SIZES[-1]), np.clip(factor, *CENTRES[[0, -1]])
    return np.stack([np.ones_like(factor), np.log(sizes), np.log(kinds)], axis=1)


def features_apart(n_sizes: Floats, factor: Floats) -> Floats:
    """As `features`, with a number of its own for each class of sizes: fair to bands that fail at few sizes."""
    apart = np.digitize(n_sizes, SIZES)[:, None] == np.arange(1, len(SIZES) + 1)
    return np.concatenate([apart.astype(np.float64), features(n_sizes, factor)[:, 2:]], axis=1)


def flat(judged: Sequence[Judged], of: Features = features) -> Points:
    names = sorted({j.case.name for j in judged})
    curve = np.concatenate([np.full(j.factor.size, names.index(j.case.name)) for j in judged])
    kind = np.concatenate([np.digitize(j.factor, FACTORS) + 10 * np.digitize(j.n_sizes, SIZES) for j in judged])
    # Curves count once, and so do the classes of sizes and factors that a curve has.
    _, cell, count = np.unique(np.stack([curve, kind]), axis=1, return_inverse=True, return_counts=True)
    weight = 1 / count[cell.ravel()]
    weight /= np.bincount(curve, weights=weight)[curve]
    rows = np.concatenate([of(np.full(j.factor.size, float(j.n_sizes)), j.factor) for j in judged])
    scores = np.concatenate([np.stack([j.scores(p) for p in range(len(LEVELS))]) for j in judged], axis=1)
    return Points(curve, rows, weight, scores)


def calibrate(points: Points, kept: NDArray[np.bool_]) -> Floats:
    """(levels, 3) coefficients of ln multiplier: linear quantile regression on the curves kept.

    Conformal prediction with a normalised score whose quantile may depend on features (Romano et al. 2019, Gibbs et
    al. 2023): three numbers a level.
    """
    rows = points.features[kept]
    n, k = rows.shape
    curves = len(np.unique(points.curve[kept]))
    found = []
    for p, level in enumerate(LEVELS):
        # As in conformal prediction, one more curve (the user's) is thought to lie beyond all others.
        level = min(level * (curves + 1) / curves, 0.999)
        value = np.log(np.clip(points.scores[p, kept], 1e-4, 1e4))
        weight = points.weight[kept] / points.weight[kept].mean()
        cost = np.concatenate([np.zeros(2 * k), level * weight, (1 - level) * weight])
        equal = hstack([csr_matrix(rows), csr_matrix(-rows), eye(n), -eye(n)]).tocsc()
        solved = linprog(cost, A_eq=equal, b_eq=value, bounds=(0, None), method="highs").x
        found.append(solved[:k] - solved[k : 2 * k])
    return np.array(found)


def cross_validate(judged: Sequence[Judged], fold: Callable[[Public], object], of: Features = features) -> pl.DataFrame:
    """One row a point and level: is it covered by a band that never saw the fold, and the band's interval score."""
    rows = []
    points = flat(judged, of)
    names = sorted({j.case.name for j in judged})
    folds = {j.case.name: fold(j.case) for j in judged}
    for here in sorted({str(value) for value in folds.values()}):
        out = {name for name in names if str(folds[name]) == here}
        kept = ~np.isin(points.curve, [names.index(name) for name in out])
        kept[1::2] = False  # every second point is enough, and four times as fast
        coefficients = calibrate(points, kept)
        for c, j in enumerate([j for j in judged if j.case.name in out]):
            wider = np.exp(coefficients @ of(np.full(j.factor.size, float(j.n_sizes)), j.factor).T)
            low, high = (np.maximum.accumulate(wider * half, axis=0) for half in (j.below, j.above))
            for p, level in enumerate(LEVELS):
                start, end = j.centre - low[p], j.centre + high[p]
                miss = np.maximum(start - j.y, 0) + np.maximum(j.y - end, 0)
                full = len(j.case.x) == len(np.unique(j.case.x)) and j.n_sizes > 8
                rows.append(pl.DataFrame({
                    "curve": j.case.name, "domain": j.case.domain, "case": c, "n": j.n_sizes, "factor": j.factor,
                    "level": level, "covered": (miss == 0).astype(float), "end": j.case.x.max(), "full": full,
                    "score": end - start + 2 / (1 - level) * miss,
                }))  # fmt: skip
    return pl.concat(rows)


def by_curve(rows: pl.DataFrame, value: str) -> tuple[float, float, int]:
    """Mean over curves and its standard error; a curve's cases count alike."""
    each = rows.group_by("curve", "case").agg(pl.col(value).mean()).group_by("curve").agg(pl.col(value).mean())[value]
    values = each.to_numpy()
    stderr = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return float(values.mean()), float(stderr), len(values)


def write(coefficients: Floats, rows: pl.DataFrame) -> None:
    """The table that is shipped: what other scripts measured is kept."""
    lines = [
        "# Half-widths of bands are multiplied by `multiplier`. One run a size: quantile regression on ln(sizes) and",
        "# ln(factor), three numbers a level, learned on the 47 public curves of Alabdulmohsin et al. 2022 (arXiv",
        "# 2209.06640, Apache-2.0) by tests/bench/extrapolation.py --write; `covered`: 12-fold cross-validation.",
        "# Several runs a size: not adjusted; `covered`: simulation by tests/bench/seeds.py --write.",
        "noise,sizes,factor,level,multiplier,covered,stderr,curves",
    ]
    edges = [*FACTORS[1:-1], np.inf]
    for i, sizes in enumerate(SIZES):
        most = [*SIZES[1:], 10**9][i]
        for k, centre in enumerate(CENTRES):
            for p, level in enumerate(LEVELS):
                multiplier = np.exp(coefficients[p] @ features(np.array([sizes]), np.array([centre]))[0])
                covered, stderr, n = by_curve(rows.filter(
                    pl.col("level") == level, pl.col("n") >= sizes, pl.col("n") < most,
                    pl.col("factor") >= FACTORS[k], pl.col("factor") < edges[k],
                ), "covered")  # fmt: skip
                entry = f"{centre:.3g},{level},{multiplier:.4g},{covered:.3f},{stderr:.3f},{n}"
                lines.append(f"one run,{sizes},{entry}")
    kept = [line for line in TABLE.read_text().splitlines() if line.startswith("several runs")]
    TABLE.write_text("\n".join(lines + kept) + "\n")


def show_errors(found: Sequence[Public]) -> None:
    published = pl.read_csv(FOLDER / "baselines.csv")
    print("## Error of extrapolation (mean RMSLE over curves)\n")
    print("| | all sizes | IC | NMT | LM | BB | sparse5 |\n|---|---:|---:|---:|---:|---:|---:|")

    def row(name: str, full: Floats, sparse: Floats | None) -> None:
        domain = np.array([c.domain for c in found])
        cells = [full.mean(), *(full[domain == d].mean() for d in ("IC", "NMT", "LM", "BB"))]
        last = "" if sparse is None else f"{sparse.mean():.4f}"
        print(f"| {name} | {' | '.join(f'{v:.4f}' for v in cells)} | {last} |")

    def ours(variant: Sequence[Public], predict: Callable[[Sequence[Public]], list[Curve]]) -> Floats:
        return np.array([c.rmsle(f.predict(c.held_x)) for c, f in zip(variant, predict(variant), strict=True)])

    sparse = [c.sparse5() for c in found]
    for name, form in (("pooled (this code)", None), ("default law, all sizes (this code)", OFFSET)):
        row(name, *(ours(v, lambda vs, f=form: fit_curves([(c.x, c.y) for c in vs], form=f, draws=0))
                    for v in (found, sparse)))  # fmt: skip
    for name in ("M1", "M2", "M3", "M4", "BNSL1"):
        column = f"sparse5_{name}"
        row(name, published[name].to_numpy(), published[column].to_numpy() if column in published.columns else None)


def show_coverage(title: str, rows: dict[str, pl.DataFrame], last: dict[str, float]) -> None:
    print(f"\n## Coverage, {title} (share of new observations, mean over curves ± standard error)\n")
    print("| | curves | nominal 50 % | nominal 90 % | pooled: score 90 % | plain: score 90 % | ratio |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    official = pl.struct("curve", "end").map_elements(lambda r: r["end"] >= last[r["curve"]], return_dtype=pl.Boolean)
    groups: list[tuple[str, pl.Expr]] = [("all cases", pl.lit(True))]
    groups += [("official split, all sizes", official & pl.col("full"))]
    groups += [("official split, sparse5", official & pl.col("n").is_between(4, 5))]
    groups += [(f"domain {d}", pl.col("domain") == d) for d in ("IC", "NMT", "LM", "BB")]
    for low, high in zip(FACTORS, [*FACTORS[1:], np.inf], strict=True):
        groups.append((f"factor {low:g} to {high:g}", pl.col("factor").is_between(low, high, closed="left")))
    for low, high in zip(SIZES, [*SIZES[1:], np.inf], strict=True):
        groups.append((f"{low} to {high - 1:g} sizes", pl.col("n").is_between(low, high, closed="left")))
    for name, where in groups:
        mine = {key: table.filter(where) for key, table in rows.items()}
        cells = []
        for level in (0.5, 0.9):
            mean, error, n = by_curve(mine["pooled"].filter(pl.col("level") == level), "covered")
            cells.append(f"{mean:.3f} ± {error:.3f}")
        scores = [by_curve(t.filter(pl.col("level") == 0.9), "score")[0] for t in mine.values()]
        cells += [f"{scores[0]:.3f}", f"{scores[1]:.3f}", f"{scores[0] / scores[1]:.2f}"]
        print(f"| {name} | {n} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the table of calibration")
    arguments = parser.parse_args()
    found = public_curves()
    show_errors(found)
    begin = time.process_time()
    every = [case for curve in found for case in cases(curve)]
    judged = {"pooled": pooled(every), "plain": plain(every)}
    last = {c.name: float(c.x.max()) for c in found}
    place = {name: i % FOLDS for i, name in enumerate(np.random.default_rng(0).permutation(sorted(last)))}
    kinds = {"pooled": features, "plain": features_apart}

    def fold(case: Public) -> int:
        return place[case.name]

    def domain(case: Public) -> str:
        return case.domain

    rows = {n: cross_validate(mine, fold, kinds[n]) for n, mine in judged.items()}
    show_coverage("cross-validated over curves", rows, last)
    apart = {n: cross_validate(mine, domain, kinds[n]) for n, mine in judged.items()}
    show_coverage("domain left out", apart, last)
    if arguments.write:
        points = flat(judged["pooled"])
        write(calibrate(points, np.ones(len(points.curve), dtype=np.bool_)), rows["pooled"])
    print(f"\n{len(every)} cases, {time.process_time() - begin:.0f} s of processor time")


if __name__ == "__main__":
    main()
