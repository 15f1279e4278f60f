"""How often what is said of two arms is true: simulated studies of 4 sizes x 3 seeds.

    python tests/bench/crossover.py        # Markdown table, about 15 minutes on one core

Pairs of laws that cross inside the data, that cross at 3 times the largest size, and that never cross; then laws that
break once or steepen. All is as claims tell it: beyond the largest size arms go on as real curves do (`curves/ahead`);
with --laws as the laws go on that the arms of the first rows follow for ever. "held" is the
share of studies whose 90 % interval holds the true crossover (with its standard error), of all and of those whose
interval has an upper end; "claimed" the share in which a crossover is claimed. "exponents", "multiplier" and
"doubling" are the shares of 90 % intervals that hold the true difference of exponents, number of times the clips at
the largest size, and gain of the next doubling.
"""

import argparse
import time

import numpy as np

from scaling.analysis.curves.ahead import doubled, exponents_apart
from scaling.analysis.curves.crossover import crossover, overtaken, sought
from scaling.analysis.curves.observed import LEVEL
from scaling.analysis.curves.simulate import BENDING, BENDS, CASES, SIZES, Case, drawn_cases, simulate, studies

NOISES = (0.01, 0.03)
_BATCH = 50


def measure(cases: list[Case], noise: float, rng: np.random.Generator, laws: bool = False) -> np.ndarray:
    """(studies, 7) of each case's one study: held, has an upper end, claimed, none near, and what else is held."""
    x, largest = sought(float(SIZES[0]), float(SIZES[-1])), float(SIZES[-1])
    asked = np.append(x, largest)
    order = np.argsort(asked, kind="stable")
    found = []
    for i in range(0, len(cases), _BATCH):
        part = cases[i : i + _BATCH]
        made = studies(np.concatenate([simulate(case.laws, SIZES, noise, 1, rng) for case in part]), SIZES, rng)
        for k, case in enumerate(part):
            lines = np.stack([made.made.log_error_of(2 * k + arm, asked) for arm in (0, 1)])
            two = lines.copy()
            if not laws:
                two[..., order] = made.log_error(k, (0, 1), asked[order])
            at = crossover(x, largest, (two[1] - two[0])[:, : x.size])
            holds = case.crosses is not None and at.low <= case.crosses <= at.high
            true = [law.error(asked) for law in case.laws]
            times = overtaken(x, two[1][:, : x.size] - two[0][:, -1:])
            needed = overtaken(x, (true[1][: x.size] - true[0][-1])[None])[0]
            power, seen = made.exponents(k, (0, 1)), made.seen(k, (0, 1))[0]
            apart = power[1] - power[0] if laws else exponents_apart(power)
            then = made.made.log_error_of(2 * k, np.array([2 * largest]))[:, 0]
            now, then = (lines[0][:, -1], then) if laws else (seen, doubled(made.pools[2 * k], seen))
            gain = case.laws[0].error(largest * np.array([1.0, 2.0]))
            held = [
                inside(apart, case.laws[1].a - case.laws[0].a) if case.laws[0].c == 0 else np.nan,
                inside(times, float(needed)),
                inside(np.exp(now) - np.exp(then), float(gain[0] - gain[1])),
            ]
            found.append([holds, at.high < np.inf, at.claimed, at.none_near, *held])
    return np.array(found, dtype=float)


def inside(drawn: np.ndarray, true: float) -> bool:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="inverted_cdf")
    return bool(low <= true <= high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1000, help="of each pair of laws and noise")
    parser.add_argument("--laws", action="store_true", help="go on as the laws do")
    parser.add_argument("--only", default="", help="rows whose name holds this")
    given = parser.parse_args()
    n = given.studies
    begin = time.process_time()
    print("| laws | noise | held | with an upper end | held of those | claimed | exponents | multiplier | doubling |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    rng = np.random.default_rng(5)
    rows = [(case.name, [case] * n) for case in CASES]
    rows += [(f"drawn: cross {where}", drawn_cases(where, n, rng)) for where in ("inside", "at 3x")]
    rows += [(case.name, [case] * n) for case in BENDING]
    rows += [
        (f"drawn, {name}: cross {where}", drawn_cases(where, n, rng, bends))
        for name, bends in BENDS.items() for where in ("inside", "at 3x")
    ]  # fmt: skip
    for row, (name, cases) in enumerate(rows):
        if given.only not in name:
            continue
        for noise in NOISES:
            made = np.random.default_rng([7, row, round(1000 * noise)])
            holds, ends, claimed, _, *held = measure(cases, noise, made, given.laws).T
            cells = [f"{ends.mean():.3f}", "–", f"{claimed.mean():.3f}"]
            cells += [f"{one.mean():.3f}" if np.isfinite(one).all() else "–" for one in held]
            covered = "–"
            if cases[0].crosses is not None:
                covered = f"{holds.mean():.3f} ± {holds.std() / np.sqrt(n):.3f}"
                cells[1] = f"{holds[ends > 0].mean():.3f}" if ends.any() else "–"
            print(f"| {name} | {noise} | {covered} | {' | '.join(cells)} |", flush=True)
    print(f"\n{n} studies a row, {time.process_time() - begin:.0f} s of processor time")


if __name__ == "__main__":
    main()
