"""How often intervals hold where every size has several runs: simulated studies of the default law.

    python tests/bench/seeds.py            # Markdown table

A study has 4 or 8 sizes over a factor of 64 with three runs each, exponents from 0.2 to 0.6, offsets from none to a
half of the largest size's error, and log-noise of 1 or 3 % a run. Predicted is a new run at up to 10 times the largest
size. "mean curve" says how often the same interval of paired replicates (no new run's noise) holds the true law.
"""

import argparse
import time

import numpy as np
from public_curves import Floats

from scaling.analysis.curves.bands import LEVELS
from scaling.analysis.curves.fit import fit_curves, law
from scaling.analysis.curves.replicate import replicate, seed_noise

FACTORS = (1.0, 2.0, 4.0, 8.0)
RUNS = 3


def studies(n: int, n_sizes: int, noise: float, rng: np.random.Generator) -> tuple[Floats, Floats, Floats, Floats]:
    """Sizes (s,), runs' errors (n, s, RUNS), and the true errors (n, s) and, at the sizes asked for, (n, factors)."""
    sizes = np.geomspace(400, 25600, n_sizes)
    asked = sizes[-1] * np.array(FACTORS)
    a, share = rng.uniform(0.2, 0.6, n), rng.uniform(0, 0.5, n)
    found = [[law(x, 0.4 * s, 0.4 * (1 - s) * sizes[-1] ** e, e) for s, e in zip(share, a, strict=True)]
             for x in (sizes, asked)]  # fmt: skip
    true, far = np.array(found[0]), np.array(found[1])
    return sizes, true[..., None] * np.exp(noise * rng.standard_normal((n, n_sizes, RUNS))), true, far


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=250, help="for each number of sizes and each noise")
    arguments = parser.parse_args()
    begin = time.process_time()
    print("| sizes x runs | noise | times the largest size | 50 % | 80 % | 90 % | 95 % | mean curve, 90 % |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for n_sizes in (4, 8):
        for noise in (0.01, 0.03):
            rng = np.random.default_rng([n_sizes, round(1000 * noise)])
            sizes, runs, _, far = studies(arguments.studies, n_sizes, noise, rng)
            new = far * np.exp(noise * rng.standard_normal(far.shape))
            x = np.repeat(sizes, RUNS)
            asked = sizes[-1] * np.array(FACTORS)
            curves = fit_curves([(x, row.ravel()) for row in runs], draws=240)
            inside = {}
            for level in LEVELS:
                low, high = np.array([curve.interval(asked, level) for curve in curves]).transpose(1, 0, 2)
                inside[level] = (low <= new) & (new <= high)
            logs = np.log(runs).mean(axis=2)
            again = [np.exp(log + seed_noise(row[None], 240, rng)[0]) for log, row in zip(logs, runs, strict=True)]
            found = replicate(
                [(sizes, row.mean(axis=1)) for row in runs], again, [np.full(n_sizes, float(RUNS))] * len(runs)
            ).log_error(asked)
            low, high = np.quantile(found, [0.05, 0.95], axis=1)
            mean = (low <= np.log(far)) & (np.log(far) <= high)
            for k, factor in enumerate(FACTORS):
                cells = " | ".join(f"{inside[level][:, k].mean():.3f}" for level in LEVELS)
                print(f"| {n_sizes} x {RUNS} | {noise} | {factor:g} | {cells} | {mean[:, k].mean():.3f} |")
    print(f"\n{time.process_time() - begin:.0f} s of processor time")


if __name__ == "__main__":
    main()
