"""How often what is said of two arms is true: simulated studies of 4 sizes x 3 seeds.

    python tests/bench/crossover.py        # Markdown table, about 8 minutes on one core

Pairs of laws that cross inside the data, that cross at 3 times the largest size, and that never cross. "held" is the
share of studies whose 90 % interval holds the true crossover (with its standard error), of all and of those whose
interval has an upper end; "claimed" the share in which a crossover is claimed. "exponents", "multiplier" and
"doubling" are the shares of 90 % intervals that hold the true difference of exponents, number of times the clips at
the largest size, and gain of the next doubling.
"""

import argparse
import time

import numpy as np

from scaling.analysis.curves.crossover import crossover, overtaken, sought
from scaling.analysis.curves.observed import LEVEL
from scaling.analysis.curves.simulate import CASES, DRAWS, SIZES, Case, drawn_cases, replicates, simulate

NOISES = (0.01, 0.03)
_BATCH = 50


def measure(cases: list[Case], noise: float, rng: np.random.Generator) -> np.ndarray:
    """(studies, 7) of each case's one study: held, has an upper end, claimed, none near, and what else is held."""
    x, largest = sought(float(SIZES[0]), float(SIZES[-1])), float(SIZES[-1])
    asked = np.append(x, [largest, 2 * largest])
    found = []
    for i in range(0, len(cases), _BATCH):
        part = cases[i : i + _BATCH]
        made = replicates(np.concatenate([simulate(case.laws, SIZES, noise, 1, rng) for case in part]), SIZES, rng)
        ln = made.log_error(asked).reshape(len(part), 2, DRAWS, asked.size)
        exponents = made.exponents().reshape(len(part), 2, DRAWS)
        for case, two, power in zip(part, ln, exponents, strict=True):
            at = crossover(x, largest, (two[1] - two[0])[:, : x.size])
            holds = case.crosses is not None and at.low <= case.crosses <= at.high
            laws = [law.error(asked) for law in case.laws]
            times = overtaken(x, two[1][:, : x.size] - two[0][:, -2:-1])
            true = overtaken(x, (laws[1][: x.size] - laws[0][-2])[None])[0]
            gains = np.exp(two[0][:, -2]) - np.exp(two[0][:, -1])
            held = [
                inside(power[1] - power[0], case.laws[1].a - case.laws[0].a),
                inside(times, float(true)),
                inside(gains, laws[0][-2] - laws[0][-1]),
            ]
            found.append([holds, at.high < np.inf, at.claimed, at.none_near, *held])
    return np.array(found, dtype=float)


def inside(drawn: np.ndarray, true: float) -> bool:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="inverted_cdf")
    return bool(low <= true <= high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1000, help="of each pair of laws and noise")
    n = parser.parse_args().studies
    begin = time.process_time()
    print("| laws | noise | held | with an upper end | held of those | claimed | exponents | multiplier | doubling |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    rng = np.random.default_rng(5)
    rows = [(case.name, [case] * n) for case in CASES]
    rows += [(f"drawn: cross {where}", drawn_cases(where, n, rng)) for where in ("inside", "at 3x")]
    for row, (name, cases) in enumerate(rows):
        for noise in NOISES:
            made = np.random.default_rng([7, row, round(1000 * noise)])
            holds, ends, claimed, _, *held = measure(cases, noise, made).T
            cells = [f"{ends.mean():.3f}", "–", f"{claimed.mean():.3f}", *(f"{one.mean():.3f}" for one in held)]
            covered = "–"
            if cases[0].crosses is not None:
                covered = f"{holds.mean():.3f} ± {holds.std() / np.sqrt(n):.3f}"
                cells[1] = f"{holds[ends > 0].mean():.3f}" if ends.any() else "–"
            print(f"| {name} | {noise} | {covered} | {' | '.join(cells)} |", flush=True)
    print(f"\n{n} studies a row, {time.process_time() - begin:.0f} s of processor time")


if __name__ == "__main__":
    main()
