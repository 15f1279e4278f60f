"""What a plan says of arms that do not differ, and how long it takes.

    python tests/bench/plan.py             # Markdown table, about 3 minutes on one core

Grids have 4 sizes over a factor of 64. Two laws with one exponent, 0.3, that never cross: the shares of studies in
which 90 % intervals say that the exponents differ (10 % or less is right) and in which a crossover is claimed (5 %).
"""

import argparse
import time

from scaling.analysis.curves.simulate import Law
from scaling.analysis.plan.grid import Grid
from scaling.analysis.plan.power import power

CLIPS = (1000, 4000, 16000, 64000)
ALIKE = Law("one", 0.1, 3.0, 0.3), Law("two", 0.1, 2.0, 0.3)
CROSS = Law("one", 0.1, 6.0, 0.4), Law("two", 0.1, 2.0, 0.25)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1000)
    n = parser.parse_args().studies
    print("| seeds | log-noise | exponents said to differ | crossover claimed |\n|---:|---:|---:|---:|")
    for seeds, noise in ((2, 0.01), (3, 0.01), (3, 0.03), (5, 0.01)):
        found = power(Grid(ALIKE, CLIPS, seeds, noise, 64e6, 2.5), studies=n)[0]
        shares = f"{100 * found.exponents_found:.1f} % | {100 * found.crossover_found:.1f} %"
        print(f"| {seeds} | {noise} | {shares} |", flush=True)
    begin = time.process_time()
    two = power(Grid(CROSS, CLIPS, 3, 0.02, 64e6, 2.5))[0]
    print(f"\n{two.studies} studies of 24 runs: {time.process_time() - begin:.1f} s of one core")


if __name__ == "__main__":
    main()
