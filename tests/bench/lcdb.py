"""Bands on real learning curves of many learners, out of sample: half of LCDB (../shared/lcdb, its protocol A).

    python tests/bench/lcdb.py             # Markdown tables, about three minutes on one core

Bands are judged on data sets, and then on kinds of learners, that they were not learned on. "score" is the mean
interval score of the 90 % band's log error over that of a band about the last size's mean error whose half-width is the
0.9 quantile of |ln(observation / that error)| over the other data sets.
"""

import sys

import numpy as np
from band_points import Points, points
from lcdb_curves import FACTORS, FILE, Floats
from learn_bands import Ends, interval_score, judged
from numpy.typing import NDArray

_GROUP = 50  # cases from which on a group is shown


def about_the_last(told: Points) -> Floats:
    """(n,) interval scores of the band about the last size; NaN outside protocol A."""
    found = np.full(len(told.rest), np.nan)
    for factor in FACTORS:
        rows = told.protocol & (told.factor == factor)
        for name in np.unique(told.group[rows]):
            mine = rows & (told.group == name)
            half = np.quantile(np.abs(told.stay[rows & ~mine]), 0.9)
            found[mine] = interval_score(-half, half, told.stay[mine], 0.1)
    return found


def held(rows: NDArray[np.bool_], told: Points, ends: Ends, level: float) -> str:
    """Share of cases held, with its standard error over data sets."""
    value = ends.held(told.rest, level)
    _, place = np.unique(told.group[rows], return_inverse=True)
    count, total = np.bincount(place), np.bincount(place, weights=value[rows].astype(float))
    mean = total.sum() / count.sum()
    error = np.sqrt(((total - mean * count) ** 2).sum()) / count.sum()
    return f"{100 * mean:.1f} ± {100 * error:.1f} %"


def show(title: str, told: Points, ends: Ends) -> None:
    print(f"\n## {title}\n")
    print("| | cases | 50 % bands | 90 % bands | score | median error |\n|---|---:|---:|---:|---:|---:|")
    last, score = about_the_last(told), ends.score(told.rest, 0.9)
    groups = [("all", told.protocol)]
    groups += [(f"{f} times", told.protocol & (told.factor == f)) for f in FACTORS]
    for of in (told.status, told.domain):
        groups += [(str(name), told.protocol & (of == name)) for name in np.unique(of[told.protocol])]
    ratios = []
    for name, rows in groups:
        if rows.sum() < _GROUP:
            continue
        ratio = score[rows].mean() / last[rows].mean()
        ratios.append(ratio)
        cells = [held(rows, told, ends, level) for level in (0.5, 0.9)]
        off = np.median(np.abs(told.off[rows]))
        print(f"| {name} | {rows.sum()} | {' | '.join(cells)} | {ratio:.2f} | {off:.4f} |")
    print(f"\nscore, averaged over factors: {np.mean(ratios[1 : 1 + len(FACTORS)]):.3f}")


def main() -> None:
    if not FILE.is_file():
        sys.exit(f"{FILE} is not there: the half of LCDB that lies beside this project")
    told = points()
    show("Data sets left out", told, judged(told, told.group))
    show("Kinds of learner left out", told, judged(told, told.domain))


if __name__ == "__main__":
    main()
