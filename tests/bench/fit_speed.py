"""How fast curves are fitted: 47 public curves with 1,000 resamples each, on one core.

    OMP_NUM_THREADS=1 python tests/bench/fit_speed.py

Prints the time of the whole (`fit_curves`: both forms, four windows, 1,000 resamples asked for), and in the same
process the time of one refit to convergence, here and with bounded `scipy.optimize.curve_fit(loss="soft_l1")`, on the
same resamples: the default law on all sizes, residuals drawn with replacement. Both start where the law fits the data,
and SciPy also from a guess, as `curve_fit` is mostly used. The losses differ (Huber here, soft L1 there, both with a
threshold of 1 % of ln error), so each is told in its own: how far it lies above the lowest that this solver, or SciPy
from either start or from this solver's result, finds.
"""

import argparse
import time
import warnings

import numpy as np
from public_curves import Floats, public_curves
from scipy.optimize import OptimizeWarning, curve_fit

from scaling.analysis.curves.fit import fit_curves
from scaling.analysis.curves.forms import OFFSET
from scaling.analysis.curves.observed import table
from scaling.analysis.curves.solve import HUBER, huber, polish, solve


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
    found, _loss = polish(OFFSET, u[rows], noisy, data.w[rows], theta[rows], steps=1000)
    ours = (time.process_time() - begin_ours) / len(rows)

    seconds = dict.fromkeys(("the fit to the data", "a guess"), 0.0)
    above: dict[str, list[float]] = {name: [] for name in ("this solver", *seconds)}
    for i in range(len(curves)):
        n = int(data.w[i].sum())
        for r in range(few):
            row = 1000 * i + r
            x, y = u[i, :n], noisy[row, :n]
            starts = (_own(theta[i]), np.array([y.min() - 0.1, np.log(np.exp(y[0]) / 2), 0.3]))
            soft = []
            for name, start in zip(seconds, starts, strict=True):
                begin_scipy = time.process_time()
                soft.append(_scipy(x, y, start, "soft_l1"))
                seconds[name] += time.process_time() - begin_scipy
            mine = _own(found[row])
            huber_best = [mine, *(_scipy(x, y, start, "huber") for start in (mine, *starts))]
            losses = [_huber(y - log_law(x, *v)) for v in huber_best]
            above["this solver"].append(losses[0] / min(losses) - 1)
            soft_losses = [_soft(y - log_law(x, *v)) for v in (*soft, _scipy(x, y, mine, "soft_l1"))]
            for name, loss in zip(seconds, soft_losses, strict=False):
                above[name].append(loss / min(soft_losses) - 1)
    print(f"| a refit, this solver: milliseconds | {1000 * ours:.3f} |")
    for name, total in seconds.items():
        theirs = total / few / len(curves)
        print(f"| a refit, SciPy from {name}: milliseconds (times this solver's) | "
              f"{1000 * theirs:.3f} ({theirs / ours:.0f}) |")  # fmt: skip
    for name, each in above.items():
        label = name if name == "this solver" else f"SciPy from {name}"
        print(f"| loss above the lowest found, {label}: median, 99th percentile | "
              f"{np.median(each):.1e}, {np.quantile(each, 0.99):.1e} |")  # fmt: skip


def _own(theta: Floats) -> Floats:
    """theta of this solver as (ln E, ln A, a) over the same sizes."""
    s, q, ln_a = theta
    return np.array([s + q, s, np.exp(ln_a)])


def _scipy(x: Floats, y: Floats, start: Floats, loss: str) -> Floats:
    low, high = np.array([-20, -20, 0.02]), np.array([5, 20, 2.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OptimizeWarning)
        found, _ = curve_fit(
            log_law, x, y, np.clip(start, low + 1e-9, high - 1e-9), bounds=(low, high), loss=loss, f_scale=HUBER,
            max_nfev=5000,
        )  # fmt: skip
    return np.asarray(found)


def _huber(r: Floats) -> float:
    return float(huber(r, HUBER).sum())


def _soft(r: Floats) -> float:
    return float((2 * HUBER**2 * (np.sqrt(1 + (r / HUBER) ** 2) - 1)).sum() / 2)


if __name__ == "__main__":
    main()
