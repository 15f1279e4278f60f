"""New observations beyond the data, of both collections of public curves, with what a band there is made of.

Learned and judged on are runs of 3, 4, 6 and all sizes, with three repeats or one (LCDB, which tells how many test
clips there were), and of 3, 4, 5, 8 and all sizes (the curves of ../shared/extrapolation, one run each).
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cache

import numpy as np
from lcdb_curves import FACTORS, N_SIZES, SEEDS, Case, Floats, cases, kind, lcdb_curves
from numpy.typing import NDArray
from public_curves import Public, public_curves
from public_curves import cases as public_cases

from scaling.analysis.curves.bands import parts
from scaling.analysis.curves.fit import Curve, fit_curves

FURTHER = (*FACTORS, 64)
KINDS = (1.0, 1.5, 2.5, 5.0, 10.0)  # lower ends of the classes of factors in which dense curves are thinned
PER_CLASS = 8
_BATCH = 400


@dataclass(frozen=True)
class Points:
    """n observations, side by side.

    Attributes:
        parts: (n, 4) as of `bands.parts`; beyond: ln factor; bound: as of `Pool.bound`; rest: ln observation minus what
            was predicted; off: the same of the mean over repeats.
        weight: in learning; a case's sum hangs on what it is of, not on how many sizes it predicts.
        group: the data set or public curve; case: a number for each fit; domain: the kind of learner, or the domain.
        protocol: whether it is one of protocol A's; stay: what the last error leaves of the observation (ln).
    """

    parts: Floats
    beyond: Floats
    bound: NDArray[np.bool_]
    rest: Floats
    off: Floats
    stay: Floats
    weight: Floats
    factor: Floats
    n_sizes: Floats
    known: NDArray[np.str_]
    protocol: NDArray[np.bool_]
    official: NDArray[np.bool_]
    lcdb: NDArray[np.bool_]
    case: NDArray[np.int64]
    group: NDArray[np.str_]
    domain: NDArray[np.str_]
    status: NDArray[np.str_]

    def at(self, rows: NDArray[np.bool_]) -> "Points":
        """Some of them."""
        return Points(*(getattr(self, each.name)[rows] for each in fields(self)))


@cache
def points() -> Points:
    """All of both collections; three minutes of one core."""
    found: list[dict[str, object]] = []
    curves = lcdb_curves()
    for seeds in (SEEDS, 1):
        for n in (N_SIZES, 3, 6, None):
            protocol = n == N_SIZES and seeds == SEEDS
            todo = [c for c in cases(curves, FURTHER, n, seeds) if len(np.unique(c.x)) > 2]
            found += _of_lcdb(todo, (1.3 if protocol else 0.1) / len(todo), protocol, len(found))
    public = [case for curve in public_curves() for case in public_cases(curve)]
    found += _of_public(public, len(found))
    joined = {
        each.name: np.concatenate([np.asarray(one[each.name]) for one in found]) for each in fields(Points)
    }  # fmt: skip
    return Points(**joined)


def _of_lcdb(todo: list[Case], weight: float, protocol: bool, number: int) -> list[dict[str, object]]:
    rows = []
    for i in range(0, len(todo), _BATCH):
        batch = todo[i : i + _BATCH]
        counts = [None if protocol or len(c.x) > len(np.unique(c.x)) else c.curve.n_test for c in batch]
        fitted = fit_curves([(c.x, c.y) for c in batch], draws=0, n_test=counts)
        for case, curve in zip(batch, fitted, strict=True):
            row = _row(curve, case.at, case.new, case.mean, case.last, number + len(rows))
            largest = np.arange(len(case.at)) == len(case.at) - 1
            # The largest size, which protocol A asks for, as much as all others together.
            shares = np.where(largest, 1.0, 1.0 / max(len(case.at) - 1, 1)) / 2
            rows.append({
                **row, "weight": weight * shares, "factor": np.full(len(case.at), case.factor),
                "protocol": largest & protocol & (case.factor in FACTORS), "official": np.zeros(len(case.at), bool),
                "lcdb": np.ones(len(case.at), bool), "group": np.full(len(case.at), f"LCDB {case.curve.data_set}"),
                "domain": np.full(len(case.at), kind(case.curve.learner)),
            })  # fmt: skip
    return rows


def _of_public(todo: list[Public], number: int) -> list[dict[str, object]]:
    rows = []
    count = {name: sum(c.name == name for c in todo) for name in {c.name for c in todo}}
    last = {name: max(c.x.max() for c in todo if c.name == name) for name in count}
    for case, curve in zip(todo, fit_curves([(c.x, c.y) for c in todo], draws=0), strict=True):
        at, y = chosen_points(case)
        row = _row(curve, at, y, y, float(case.y[case.x == case.x.max()].mean()), number + len(rows))
        full = np.full(len(at), True)
        rows.append({
            **row, "weight": 0.5 / len(count) / count[case.name] / len(at) * full, "factor": 0 * at,
            "protocol": ~full, "official": full & (case.x.max() == last[case.name]), "lcdb": ~full,
            "group": np.full(len(at), case.name), "domain": np.full(len(at), case.domain),
        })  # fmt: skip
    return rows


def chosen_points(case: Public) -> tuple[Floats, Floats]:
    """Size and error of the points to be predicted, evenly thinned in each class of factors."""
    kinds = np.digitize(case.held_x / case.x.max(), KINDS)
    keep: Iterable[NDArray[np.int64]] = (np.flatnonzero(kinds == k) for k in range(1, len(KINDS) + 1))
    rows = np.concatenate([k[np.unique(np.linspace(0, len(k) - 1, PER_CLASS).astype(int))] for k in keep if len(k)])
    return case.held_x[rows], case.held_y[rows]


def _row(curve: Curve, at: Floats, new: Floats, mean: Floats, last: float, number: int) -> dict[str, object]:
    if curve.pool is None:
        raise ValueError(f"{curve.n_sizes} sizes have no band")
    x, same = np.log(at), np.ones(len(at))
    predicted = curve.pool.log_error(x)
    return {
        "parts": parts(curve.pool, x).T, "beyond": x - curve.pool.last, "rest": np.log(new) - predicted,
        "bound": np.full(len(at), curve.pool.bound),
        "off": np.log(mean) - predicted, "stay": np.log(new) - np.log(last), "n_sizes": curve.n_sizes * same,
        "known": np.full(len(at), curve.pool.known), "case": np.full(len(at), number),
        "status": np.full(len(at), curve.status),
    }  # fmt: skip
