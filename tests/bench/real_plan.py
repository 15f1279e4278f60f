"""Whether a plan keeps its promises on real curves: half of LCDB (../shared/lcdb, pairs as of its protocol B).

    python tests/bench/real_plan.py        # Markdown tables, about four minutes on one core

Of each data set, the eight learners that reach its largest size are arms of one study of so many sizes, up to an 8th of
it, and seeds. What `scaling plan` promises without a guess of laws is drawn from other data sets of LCDB, which most
of the shipped laws are of; what such grids found is what the same analysis says of the real errors. Found and
promised are means over data sets, with the standard error of what was found. Then the same with a guess of the noise,
for pairs by their noise; last, what is promised from all that is shipped but the data sets judged.
"""

import sys
import time
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from lcdb_curves import ARMS, FILE, LEAST_BASE_OF_ARMS, SPAN, Floats, Repeated, lcdb_curves
from learn_laws import PART

from scaling.analysis.plan.grid import Grid
from scaling.analysis.plan.public import PublicArm, public_arms
from scaling.analysis.plan.seen import Seen, seen_in
from scaling.analysis.plan.typical import Typical, told, typical

GRIDS = ((3, 2), (4, 3), (4, 5), (6, 3))
NOISES = (0.0, 0.02, 0.05, np.inf)
FOLDS = 4
STUDIES = 200


@dataclass(frozen=True)
class Found:
    """A pair: what its study said, (2,) true ln differences where the study ends and at the largest size, and noise."""

    data_set: str
    seen: Seen
    true: Floats
    noise: float


def found(curves: list[Repeated], n_sizes: int, seeds: int) -> list[Found]:
    """Of all pairs of arms of all data sets."""
    pairs = []
    for i, data_set in enumerate(dict.fromkeys(curve.data_set for curve in curves)):
        mine = [curve for curve in curves if curve.data_set == data_set]
        to = max(curve.sizes[-1] for curve in mine)
        full = [curve for curve in mine if curve.sizes[-1] == to and curve.mean(-1) > 0]
        common = np.array(sorted(set.intersection(*(set(c.sizes.tolist()) for c in full)))) if full else np.empty(0)
        bases = common[(common <= to / PART) & (common >= LEAST_BASE_OF_ARMS)]
        if not bases.size:
            continue
        targets = np.linspace(np.log(bases[-1] / SPAN), np.log(bases[-1]), n_sizes)
        sizes = np.unique(common[[int(np.abs(np.log(common) - t).argmin()) for t in targets]])
        places = [[int(np.flatnonzero(curve.sizes == size)[0]) for size in sizes] for curve in full]
        kept = [
            (curve, at) for curve, at in zip(full, places, strict=True)
            if all(len(curve.errors[k]) >= seeds and curve.errors[k][:seeds].min() > 0 for k in at)
        ]  # fmt: skip
        if len(kept) < 2 or len(sizes) < 3:
            continue
        runs = np.array([[curve.errors[k][:seeds] for k in at] for curve, at in kept])
        ends = np.log([[curve.mean(at[-1]), curve.mean(-1)] for curve, at in kept])
        noise = [float(np.log(curve.errors[at[-1]].clip(1e-5)).std(ddof=1)) for curve, at in kept]
        two = list(combinations(range(len(kept)), 2))
        said = seen_in(runs[None], sizes, np.random.default_rng(i), two)
        for (one, other), seen in zip(two, said, strict=True):
            both = float(np.sqrt((noise[one] ** 2 + noise[other] ** 2) / 2))
            pairs.append(Found(data_set, seen[0], ends[other] - ends[one], both))
    return pairs


def promised(n_sizes: int, seeds: int, noise: float, names: list[str], kind: str = "LCDB") -> list[Typical]:
    """By fold of data sets, what is promised of their pairs, drawn from studies whose names begin so."""
    grid = Grid(("one", "other"), tuple(np.geomspace(1 / SPAN, 1, n_sizes)), seeds, noise, 0, 0)
    plans = []
    for k in range(FOLDS):
        out = {f"LCDB {name}" for name in names[k::FOLDS]}
        among: list[PublicArm] = [arm for arm in public_arms() if arm.study not in out and arm.study.startswith(kind)]
        plans.append(typical(grid, STUDIES, k, among))
    return plans


def of_sets(pairs: list[Found]) -> dict[str, Typical]:
    """What was found on each data set."""
    by: dict[str, list[Found]] = {}
    for pair in pairs:
        by.setdefault(pair.data_set, []).append(pair)
    return {
        name: told([p.seen for p in mine], np.array([p.true for p in mine]), np.array([p.noise for p in mine]))
        for name, mine in by.items()
    }


ASKED = {
    "better at the largest": "largest_found", "true then": "largest_true", "exponents differ": "exponents_found",
    "one overtakes": "crossover_found", "who leads stays ahead": "stays_found", "true then ": "stays_true",
}  # fmt: skip
WIDTHS = {"width at the largest": "largest_width", "width of exponents": "exponents_width"}


def show(name: str, pairs: list[Found], plans: list[Typical]) -> None:
    sets = of_sets(pairs)
    cells = []
    for field in ASKED.values():
        real = np.array([getattr(one, field) for one in sets.values()])
        plan = np.nanmean([getattr(one, field) for one in plans])
        real = real[np.isfinite(real)]
        error = real.std(ddof=1) / np.sqrt(len(real)) if len(real) > 1 else np.nan
        cells.append(f"{100 * plan:.0f}: {100 * real.mean():.0f} ± {100 * error:.0f} %" if len(real) else "")
    for field in WIDTHS.values():
        real = np.nanmedian([getattr(one, field)[0] for one in sets.values()])
        plan = np.median([getattr(one, field)[0] for one in plans])
        cells.append(f"{plan:.2f}: {real:.2f}")
    print(f"| {name} | {len(pairs)} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    if not FILE.is_file():
        sys.exit(f"{FILE} is not there: the half of LCDB that lies beside this project")
    begin = time.process_time()
    curves = [curve for curve in lcdb_curves() if curve.learner in ARMS]
    names = np.random.default_rng(0).permutation(sorted({curve.data_set for curve in curves})).tolist()
    print(f"| promised: found | pairs | {' | '.join([*ASKED, *WIDTHS])} |\n|---|{'---:|' * (len(ASKED) + 3)}")
    for n_sizes, seeds in GRIDS:
        pairs = found(curves, n_sizes, seeds)
        show(f"{n_sizes} sizes x {seeds} seeds", pairs, promised(n_sizes, seeds, 0.0, names))
        if (n_sizes, seeds) == (4, 3):
            for low, high in pairwise(NOISES):
                mine = [pair for pair in pairs if low <= pair.noise < high]
                noise = float(np.median([pair.noise for pair in mine]))
                show(f"the same, log-noise told as {noise:.3f}", mine, promised(4, 3, noise, names))
            show("the same, from all that is shipped", pairs, promised(n_sizes, seeds, 0.0, names, ""))
    print(f"\n{time.process_time() - begin:.0f} s of processor time")


if __name__ == "__main__":
    main()
