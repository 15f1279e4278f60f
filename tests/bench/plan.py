"""What a plan promises against what simulated studies give: false positives, power, and how long it takes.

    python tests/bench/plan.py             # Markdown tables

Grids have 4 sizes over a factor of 64. "plain" is the share of studies with equal exponents in which the plain 90 %
interval of refits excludes 0, "widened" the same after what `plan` widens it by (found on other random numbers).
"""

import argparse
import time

import numpy as np

from scaling.analysis.plan import Grid, Law, _factor, exponents, power, simulate, widened

CLIPS = (1000, 4000, 16000, 64000)
ALIKE = Law("one", 0.1, 3.0, 0.3), Law("two", 0.1, 2.0, 0.3)
CROSS = Law("one", 0.1, 6.0, 0.4), Law("two", 0.1, 2.0, 0.25)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=400)
    n = parser.parse_args().studies
    print("| seeds | log-noise | equal exponents: plain | widened | equal curves apart: crossing claimed |")
    print("|---:|---:|---:|---:|---:|")
    for seeds, noise in ((2, 0.01), (3, 0.01), (3, 0.03), (5, 0.01)):
        grid = Grid(ALIKE, CLIPS, seeds, noise, 64e6, 2.5)
        found = exponents(np.array(CLIPS, dtype=float), *simulate(grid, n, 7), np.ones(len(CLIPS)))
        rates = []
        for factor in (1.0, _factor(grid, 0, 1, n, 0)):
            low, high = widened(found[:, 0] - found[:, 1], factor)
            rates.append(float(((low > 0) | (high < 0)).mean()))
        claimed = power(grid, n // 4)[0].crossing_found
        print(
            f"| {seeds} | {noise} | {100 * rates[0]:.0f} % | {100 * rates[1]:.0f} % | {100 * claimed:.0f} % |",
            flush=True,
        )
    begin = time.process_time()
    found_two = power(Grid(CROSS, CLIPS, 3, 0.02, 64e6, 2.5))[0]
    print(f"\n{found_two.studies} studies of 24 runs: {time.process_time() - begin:.1f} s of one core")


if __name__ == "__main__":
    main()
