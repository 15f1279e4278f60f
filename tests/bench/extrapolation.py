"""How well curves are extrapolated, and how often intervals hold: 47 public curves (../shared/extrapolation).

    python tests/bench/extrapolation.py            # Markdown tables
    python tests/bench/extrapolation.py --write    # also writes scaling/analysis/calibration.csv

Intervals are judged and calibrated on every curve with 3, 4, 5, 8 and all its sizes, ending at the last size
that may be fitted and at 1/4 of it; everything beyond is predicted. What calibrates a curve's intervals
never saw that curve (cross-validation leaving one curve out); every curve counts once. The plain bands it is compared
with are those of the default law on all sizes with resampled residuals, calibrated in the same way.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from public_curves import FOLDER, Floats, Public, cases, public_curves

from scaling.analysis import bands
from scaling.analysis.bands import FACTORS, LEVELS, SIZES, Cell
from scaling.analysis.fit import Curve, fit_curves
from scaling.analysis.forms import OFFSET
from scaling.analysis.observed import table
from scaling.analysis.solve import polish, solve

TABLE = Path(bands.__file__).with_name("calibration.csv")
DRAWS = 200
PER_CLASS = 8  # held-out points a class of factors, so that dense curves take no more time than others
FEWEST_CURVES = 12  # a class with fewer is left to its neighbours


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
    """All points of all cases, flat: their curve's number, class of sizes and of factors, weight and scores (p, n)."""

    curve: Floats
    sizes: Floats
    kind: Floats
    factor: Floats
    weight: Floats
    scores: Floats


def flat(judged: Sequence[Judged]) -> Points:
    names = sorted({j.case.name for j in judged})
    columns = [
        np.stack([
            np.full(j.factor.size, names.index(j.case.name)),
            np.full(j.factor.size, np.digitize(j.n_sizes, SIZES) - 1),
            np.digitize(j.factor, FACTORS) - 1,
            j.factor,
        ])
        for j in judged
    ]  # fmt: skip
    curve, sizes, kind, factor = np.concatenate(columns, axis=1)
    _, cell, count = np.unique(np.stack([curve, sizes, kind]), axis=1, return_inverse=True, return_counts=True)
    scores = np.concatenate([np.stack([j.scores(p) for p in range(len(LEVELS))]) for j in judged], axis=1)
    return Points(curve, sizes, kind, factor, 1 / count[cell.ravel()], scores)


def calibrate(points: Points, left_out: int | None = None) -> list[Cell]:
    """Multipliers by class, from all curves but one; the coverage is filled in by cross-validation."""
    cells = []
    for i, sizes in enumerate(SIZES):
        for k, lowest in enumerate(FACTORS):
            here = (points.sizes == i) & (points.kind == k) & (points.curve != left_out)
            n = len(np.unique(points.curve[here]))
            if n < FEWEST_CURVES:
                continue
            factor = max(float(np.exp(np.mean(np.log(points.factor[here])))), lowest)
            for p, level in enumerate(LEVELS):
                value = points.scores[p, here]
                order = np.argsort(value)
                reached = np.cumsum(points.weight[here][order]) / n
                # As in conformal prediction, one more curve (the user's) is thought to lie beyond all others.
                at = np.searchsorted(reached, min(level * (n + 1) / n, 1.0))
                cells.append(
                    Cell("one run", sizes, factor, level, float(value[order][min(at, len(value) - 1)]), 0.0, 0.0, n)
                )
    return cells


def cross_validate(judged: Sequence[Judged]) -> pl.DataFrame:
    """One row a point and level: is it covered by a band that never saw the curve, and the band's interval score."""
    rows = []
    points = flat(judged)
    for number, name in enumerate(sorted({j.case.name for j in judged})):
        cells = calibrate(points, number)
        for c, j in enumerate([j for j in judged if j.case.name == name]):
            for p, level in enumerate(LEVELS):
                wider = bands.multiplier(cells, j.n_sizes, j.factor, level)
                low, high = j.centre - wider * j.below[p], j.centre + wider * j.above[p]
                miss = np.maximum(low - j.y, 0) + np.maximum(j.y - high, 0)
                score = high - low + 2 / (1 - level) * miss
                full = len(j.case.x) == len(np.unique(j.case.x)) and j.n_sizes > 8
                rows.append(pl.DataFrame({
                    "curve": name, "domain": j.case.domain, "case": c, "n": j.n_sizes, "factor": j.factor,
                    "level": level, "covered": (miss == 0).astype(float), "width": high - low, "score": score,
                    "end": j.case.x.max(), "full": full,
                }))  # fmt: skip
    return pl.concat(rows)


def by_curve(rows: pl.DataFrame, value: str) -> tuple[float, float, int]:
    """Mean over curves and its standard error; a curve's cases count alike."""
    each = rows.group_by("curve", "case").agg(pl.col(value).mean()).group_by("curve").agg(pl.col(value).mean())[value]
    values = each.to_numpy()
    stderr = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return float(values.mean()), float(stderr), len(values)


def write(cells: Sequence[Cell], rows: pl.DataFrame) -> None:
    lines = [
        "# Half-widths of bands are multiplied by `multiplier`; learned on 47 curves of Alabdulmohsin et al. 2022",
        "# (arXiv 2209.06640, Apache-2.0) by tests/bench/extrapolation.py --write. `covered`: leaving one curve out.",
        "sizes,factor,level,multiplier,covered,stderr,curves",
    ]
    edges = [*FACTORS, np.inf]
    for cell in cells:
        most = min([s for s in SIZES if s > cell.sizes], default=10**9)
        k = int(np.digitize(cell.factor, FACTORS))
        here = rows.filter(
            pl.col("level") == cell.level, pl.col("n") >= cell.sizes, pl.col("n") < most,
            pl.col("factor") >= edges[k - 1], pl.col("factor") < edges[k],
        )  # fmt: skip
        covered, stderr, n = by_curve(here, "covered")
        lines.append(
            f"{cell.sizes},{cell.factor:.4g},{cell.level},{cell.multiplier:.4g},{covered:.3f},{stderr:.3f},{n}"
        )
    TABLE.write_text("\n".join(lines) + "\n")


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


def show_coverage(rows: dict[str, pl.DataFrame], last: dict[str, float]) -> None:
    print("\n## Coverage in cross-validation (share of new observations, mean over curves ± standard error)\n")
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
    rows = {name: cross_validate(mine) for name, mine in judged.items()}
    show_coverage(rows, {c.name: float(c.x.max()) for c in found})
    if arguments.write:
        write(calibrate(flat(judged["pooled"])), rows["pooled"])
    print(f"\n{len(every)} cases, {time.process_time() - begin:.0f} s of processor time")


if __name__ == "__main__":
    main()
