"""How well curves are extrapolated, and how often bands hold: 47 public curves (../shared/extrapolation).

    python tests/bench/extrapolation.py            # Markdown tables, about three minutes on one core

Bands are judged on every curve with 3, 4, 5, 8 and all its sizes, ending at the last size that may be fitted and at
1/4 of it; everything beyond is predicted. What a curve's bands were learned on (`learn_bands`) never saw that curve, or
its whole domain; every curve counts once.
"""

import time
from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from band_points import Points, points
from learn_bands import Ends, judged
from numpy.typing import NDArray
from public_curves import FOLDER, Floats, Public, public_curves

from scaling.analysis.curves.fit import Curve, fit_curves
from scaling.analysis.curves.forms import OFFSET

FACTORS = (1.0, 1.5, 2.5, 5.0, 10.0)


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


def by_curve(value: Floats, told: Points, rows: NDArray[np.bool_]) -> tuple[float, float, int]:
    """Mean over curves and its standard error; a curve's cases count alike."""
    found = []
    for name in np.unique(told.group[rows]):
        mine = rows & (told.group == name)
        found.append(np.mean([value[mine & (told.case == case)].mean() for case in np.unique(told.case[mine])]))
    stderr = float(np.std(found, ddof=1) / np.sqrt(len(found))) if len(found) > 1 else 0.0
    return float(np.mean(found)), stderr, len(found)


def show_coverage(title: str, told: Points, ends: Ends) -> None:
    print(f"\n## Coverage, {title} (share of new observations, mean over curves ± standard error)\n")
    print("| | curves | 50 % bands | 90 % bands | interval score at 90 % |\n|---|---:|---:|---:|---:|")
    public = ~told.lcdb
    most = {name: told.n_sizes[public & (told.group == name)].max() for name in np.unique(told.group[public])}
    every = np.array([told.n_sizes[i] == most.get(told.group[i], 0) for i in range(len(public))])
    groups = [("all cases", public), ("official split, all sizes", told.official & every)]
    groups += [("official split, sparse5", told.official & (told.n_sizes >= 4) & (told.n_sizes <= 5))]
    groups += [(f"domain {d}", public & (told.domain == d)) for d in ("IC", "NMT", "LM", "BB")]
    for low, high in zip(FACTORS, [*FACTORS[1:], np.inf], strict=True):
        groups.append(
            (f"factor {low:g} to {high:g}", public & (told.beyond >= np.log(low)) & (told.beyond < np.log(high)))
        )
    for name, rows in groups:
        cells = [by_curve(ends.held(told.rest, p).astype(float), told, rows) for p in (0.5, 0.9)]
        held = " | ".join(f"{mean:.3f} ± {error:.3f}" for mean, error, _ in cells)
        score = by_curve(ends.score(told.rest, 0.9), told, rows)[0]
        print(f"| {name} | {cells[0][2]} | {held} | {score:.3f} |")


def main() -> None:
    begin = time.process_time()
    show_errors(public_curves())
    told = points()
    show_coverage("the curve left out", told, judged(told, told.group))
    show_coverage("the domain left out", told, judged(told, told.domain))
    print(f"\n{time.process_time() - begin:.0f} s of processor time")


if __name__ == "__main__":
    main()
