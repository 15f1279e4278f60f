"""Whether further questions are answered truly: studies made up from known laws, and how often intervals held.

python tests/bench/questions.py [STUDIES]      # 200 studies a row, some minutes
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "analysis"))
from made_study import SIZES, Many, a, b, best_size, equal_compute, gain, holds, spread

from scaling.analysis.claims.decisions import decisions
from scaling.analysis.claims.pairs import pairs
from scaling.analysis.claims.signals import signals, weighed
from scaling.analysis.claims.stages import stages
from scaling.analysis.scores.resamples import draw

Row = tuple[str, list[tuple[bool, float]]]


def compute_rows(n: int) -> Iterator[Row]:
    for times, seeds, noise, dearer in (
        (2, 3, 0.01, 1),
        (2, 3, 0.03, 1),
        (2, 1, 0.0, 1),
        (1, 3, 0.02, 1),
        (2, 3, 0.02, 3),
    ):
        told = [gain(times, seeds, noise, k, dearer) for k in range(n)]
        name = f"gain of {times} in compute, {seeds} seeds, noise {noise}, a clip {dearer} times as dear"
        yield name, [(holds(one.interval, times), one.number or np.nan) for one in told]


def decision_rows(n: int) -> Iterator[Row]:
    cases = (
        Many(3, 6),
        Many(4, 9, between=0.05),
        Many(4, 9, seeds=1),
        Many(2, 9, noise=0.02, between=0.05),
        Many(6, 4),
    )
    for case in cases:
        found = [decisions(case.drawn(np.random.default_rng(k))[1], case.design).at for k in range(n)]
        for k, size in enumerate(SIZES[:-1]):
            truth = float(np.mean([at[k].share for at in found]))
            name = f"decisions at {size:,}, {case.arms} arms, {case.tasks} tasks, {case.seeds} seeds"
            yield name, [(holds(at[k].interval, truth), at[k].share) for at in found]


def signal_rows(n: int) -> Iterator[Row]:
    for case in (Many(3, 4), Many(3, 4, seeds=1, noise=0.0), Many(4, 4, useless=2)):
        ratios, differ, pair = [], [], []
        for k in range(n):
            _, draws, true = case.drawn(np.random.default_rng(k))
            found = signals(draws, case.design)
            for one, truth in zip(found, spread(true), strict=True):
                low, high = (end * one.noise for end in one.interval)
                (differ if truth < 1e-9 else ratios).append((low <= truth <= high, one.ratio))
            w = np.array([one.weight for one in found])
            for two in weighed(draws, found, pairs(draws.cells, case.design), case.design)[:1]:
                apart = float(w @ (true[1, :, -1] - true[0, :, -1]) / w.sum())
                pair.append((holds(two.weighed[1:], apart), two.weighed[0]))
        name = f"{case.arms} arms, {case.seeds} seeds, {case.useless} of {case.tasks} tasks useless"
        yield f"signal of a task, {name}", ratios
        if differ:
            yield f"no signal, {name}", differ
        yield f"weighed average, {name}", pair


def stage_rows(n: int) -> Iterator[Row]:
    for case in (Many(3, 6, loss=0.002), Many(3, 6, loss=0.002, noise=0.1, n_test=200), Many(3, 6, loss=0.03)):
        found = []
        for k in range(n):
            scores, draws, _ = case.drawn(np.random.default_rng(k))
            found.append(stages(draws, scores, case.design))
        truth = float(np.mean([one.number for one in found]))
        name = f"loss noise {case.loss}, error noise {case.noise}"
        yield f"two stages less direct, {name}", [(one.low <= truth <= one.high, 100 * one.number) for one in found]
        named = "two stages" if truth > 0 else "the direct curve"
        yield f"the better is named ({named}), {name}", [(one.named == named, one.probability) for one in found]


def forecast_rows(n: int) -> Iterator[Row]:
    """What a run at four times the largest size did, held back, against both forecasts."""
    for case in (Many(2, 6, loss=0.002, sizes=(250, *SIZES)), Many(2, 6, loss=0.01, noise=0.08, sizes=(250, *SIZES))):
        told: dict[str, list[tuple[bool, float]]] = {"direct": [], "two stages": []}
        for k in range(n):
            scores, _ = case.scores(np.random.default_rng(k))
            seen, kept = scores.filter(pl.col("clips") < SIZES[-1]), scores.filter(clips=SIZES[-1], seed=0)
            for one in stages(draw(seen, None, case.design), seen, case.design).arms:
                error = 1 - float(kept.filter(one.arm.rows())["value"].to_numpy().mean())
                for name, (value, ends) in (("direct", one.direct), ("two stages", one.staged)):
                    told[name].append((holds(ends, error), 100 * abs(np.log(value / error))))
        for name, those in told.items():
            yield f"forecast at 4 times the sizes, {name}, loss noise {case.loss}, error noise {case.noise}", those


def isoflop_rows(n: int) -> Iterator[Row]:
    for seeds, noise in ((3, 0.02), (3, 0.005), (1, 0.01)):
        sizes: dict[float, list[tuple[bool, float]]] = {}
        exponents = []
        for k in range(n):
            for one in equal_compute(seeds, noise, k):
                if one.at is None:
                    exponents.append((holds(one.interval, b / (a + b)), one.number or np.nan))
                else:
                    truth = best_size(float(one.at))
                    told = (one.number or np.nan) / truth
                    sizes.setdefault(float(one.at), []).append((holds(one.interval, truth), told))
        for at, told_of in sizes.items():
            yield f"best size at {at:.1e} flops over its truth, {seeds} seeds, noise {noise}", told_of
        yield f"exponent of the best size (true {b / (a + b):.2f}), {seeds} seeds, noise {noise}", exponents


PARTS: tuple[Callable[[int], Iterator[Row]], ...] = (
    compute_rows,
    decision_rows,
    signal_rows,
    stage_rows,
    forecast_rows,
    isoflop_rows,
)


def main(n: int, parts: list[str]) -> None:
    print("| what | held | median | studies |\n|---|---:|---:|---:|")
    for part in PARTS:
        if parts and part.__name__.removesuffix("_rows") not in parts:
            continue
        for name, told in part(n):
            held, numbers = np.array(told, dtype=np.float64).reshape(-1, 2).T
            print(f"| {name} | {100 * held.mean():.0f} % | {np.nanmedian(numbers):.3g} | {len(told)} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200, sys.argv[2:])
