"""How fast curves are fitted: 47 public curves with 1,000 resamples each, on one core.

    OMP_NUM_THREADS=1 python tests/bench/fit_speed.py

Prints the time of the whole (`fit_curves`: both forms, four windows, 1,000 refits a curve), and in the same process the
time a fit of this solver and of bounded `scipy.optimize.curve_fit(loss="soft_l1")` on the same resamples: the default
law on all sizes, residuals drawn with replacement. For each it says how far the loss it reached lies above the better
of the two, in the loss that it minimises (Huber here, soft L1 there, both with threshold 1 % of ln error).
"""

import argparse
import time
import warnings

import numpy as np
from public_curves import Floats, public_curves
from scipy.optimize import OptimizeWarning, curve_fit

from scaling.analysis.fit import fit_curves
from scaling.analysis.forms import OFFSET
from scaling.analysis.observed import table
from scaling.analysis.solve import HUBER, huber, polish, solve


def log_law(x: Floats, ln_e: float, ln_a: float, a: float) -> Floats:
    return np.logaddexp(ln_e, ln_a - a * x)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scipy-resamples", type=int, default=6, help="resamples a curve given to SciPy")
    few = parser.parse_args().scipy_resamples
    curves = [(c.x, c.y) for c in public_curves()]
    begin = time.perf_counter(), time.process_time()
    fit_curves(curves, draws=1000)
    wall, cpu = time.perf_counter() - begin[0], time.process_time() - begin[1]
    print("| | result |\n|---|---:|")
    print(f"| 47 curves, 1,000 resamples each: seconds of processor (wall) | {cpu:.1f} ({wall:.1f}) |")

    rng = np.random.default_rng(0)
    sizes = [np.unique(x, return_inverse=True) for x, _ in curves]
    data = table([
        (s, np.bincount(k, weights=y) / np.bincount(k), np.ones(len(s)))
        for (s, k), (_, y) in zip(sizes, curves, strict=True)
    ])  # fmt: skip
    u = (data.x - data.centre[:, None]) * (data.w > 0)
    begin_ours = time.process_time()
    theta, _ = solve(OFFSET, u, data.y, data.w)
    fitted, _ = OFFSET.log_error(u, theta)
    rows = np.repeat(np.arange(len(curves)), 1000)
    noisy = np.empty((len(rows), u.shape[1]))
    for i in range(len(curves)):
        n = int(data.w[i].sum())
        noisy[rows == i] = fitted[i] + rng.choice((data.y[i] - fitted[i])[:n], (1000, u.shape[1]))
    found, _loss = polish(OFFSET, u[rows], noisy, data.w[rows], theta[rows], steps=60)
    ours = (time.process_time() - begin_ours) / len(rows)

    theirs, above_theirs, above_ours = 0.0, [], []
    for i in range(len(curves)):
        n = int(data.w[i].sum())
        for r in range(few):
            row = 1000 * i + r
            x, y = u[i, :n], noisy[row, :n]
            start = np.array([y.min() - 0.1, np.log(np.exp(y[0]) / 2), 0.3])
            begin_scipy = time.process_time()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", OptimizeWarning)
                p, _ = curve_fit(
                    log_law, x, y, start, bounds=([-20, -20, 0.02], [5, 20, 2.0]), loss="soft_l1", f_scale=HUBER,
                    max_nfev=5000,
                )  # fmt: skip
            theirs += time.process_time() - begin_scipy
            s, q, ln_a = found[row]
            mine = np.array([s + q, s, np.exp(ln_a)])
            values = [[f(y - log_law(x, *v)) for v in (mine, p)] for f in (_huber, _soft)]
            above_ours.append(values[0][0] / min(values[0]))
            above_theirs.append(values[1][1] / min(values[1]))
    theirs /= few * len(curves)
    print(f"| a resample, this solver: milliseconds | {1000 * ours:.3f} |")
    print(f"| a resample, SciPy from one guess: milliseconds | {1000 * theirs:.3f} |")
    print(f"| ratio | {theirs / ours:.1f} |")
    for name, above in (("this solver", above_ours), ("SciPy", above_theirs)):
        print(f"| loss above the better of both, {name}: median, 99th percentile | "
              f"{np.median(above) - 1:.1e}, {np.quantile(above, 0.99) - 1:.1e} |")  # fmt: skip


def _huber(r: Floats) -> float:
    return float(huber(r, HUBER).sum())


def _soft(r: Floats) -> float:
    return float((2 * HUBER**2 * (np.sqrt(1 + (r / HUBER) ** 2) - 1)).sum() / 2)


if __name__ == "__main__":
    main()
