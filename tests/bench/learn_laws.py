"""The laws and noises that a plan draws where nobody guesses them, learned on both collections of public curves.

    python tests/bench/learn_laws.py             # Markdown table, about two minutes on one core
    python tests/bench/learn_laws.py --write     # also writes scaling/analysis/plan/laws.csv

A law with one break, which may bend either way, is fitted to the mean errors of every curve: of LCDB the eight learners
of protocol B, from a 64th of the size where a study would end (an 8th of the largest) to the largest; of the curves of
../shared/extrapolation those that begin at a 32nd of it or below. Noise is that of repeats, a power of the size; of
curves without repeats, what is left around the law.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from lcdb_curves import ARMS, LEAST_BASE_OF_ARMS, SPAN, Floats, Repeated, lcdb_curves
from public_curves import FOLDER, public_curves
from scipy.optimize import least_squares

from scaling.analysis.curves.simulate import WIDTH
from scaling.analysis.plan import public

PART = 8  # of the largest size, where a study would end
_LOOSE = 0.02  # pull towards a plain law where nothing tells
_OFF = 0.005  # of ln error: no law is nearer


@dataclass(frozen=True)
class Told:
    """One curve's row of the table; off: root mean square of ln error about the law."""

    study: str
    law: Floats
    noise: float
    slope: float
    off: float

    def line(self) -> str:
        ln_E, ln_A, a, ln_b, c = self.law
        numbers = (np.exp(ln_E), np.exp(ln_A), a, np.exp(ln_b), c, self.noise, self.slope)
        return ",".join([self.study, *(f"{v:.4g}" for v in numbers)])


def ln_error(p: Floats, u: Floats) -> Floats:
    """Of a law (ln E, ln A, a, ln b, c) at ln sizes in units of the study's largest."""
    bend = WIDTH * np.logaddexp(0, (u - p[3]) / WIDTH)
    return np.asarray(np.logaddexp(p[0], p[1] - p[2] * u - p[4] * bend))


def fitted(u: Floats, y: Floats, w: Floats) -> Floats:
    """The law of (n,) ln errors of weights w, from several starts."""
    low = np.array([-12.0, -12.0, -1.0, u.min() - 0.5, -2.0])
    high = np.array([y.max() + 3, y.max() + 3, 2.0, u.max() + 0.5, 2.0])
    level, best, cost = float(np.interp(0, u, y)), low, np.inf

    def rest(p: Floats) -> Floats:
        return np.append(w * (ln_error(p, u) - y), _LOOSE * np.array([p[2] - 0.3, p[4], 0.3 * p[3]]))

    for offset in (np.log(0.5), -4.0):
        for a, c in ((0.3, 0.0), (0.1, 0.3), (0.6, -0.3)):
            for at in np.quantile(u, [0.3, 0.7]):
                start = np.clip([level + offset, level, a, at, c], low + 1e-6, high - 1e-6)
                found = least_squares(rest, start, bounds=(low, high), max_nfev=60)
                if found.cost < cost:
                    best, cost = found.x, float(found.cost)
    return np.asarray(best)


def of_lcdb(curve: Repeated, last: float) -> Told:
    """A curve of a study whose largest size is `last`."""
    here = [k for k, size in enumerate(curve.sizes) if size >= last / SPAN * 0.99 and len(curve.errors[k]) > 1]
    u, least = np.log(curve.sizes[here] / last), 0.5 / (curve.n_test + 1)
    errors = [np.maximum(curve.errors[k], least) for k in here]
    y = np.log([each.mean() for each in errors])
    spread = np.maximum([np.log(each).std(ddof=1) for each in errors], 1e-4)
    w = 1 / np.hypot(spread / np.sqrt([len(each) for each in errors]), _OFF)
    law = fitted(u, y, w / np.sqrt((w**2).mean()))
    slope, noise = np.polyfit(u, np.log(spread), 1)
    off = float(np.sqrt(((ln_error(law, u) - y) ** 2).mean()))
    return Told(f"LCDB {curve.data_set}", law, float(np.exp(noise)), float(slope), off)


def lcdb_laws() -> list[Told]:
    found = []
    curves = [curve for curve in lcdb_curves() if curve.learner in ARMS]
    for data_set in dict.fromkeys(curve.data_set for curve in curves):
        mine = [curve for curve in curves if curve.data_set == data_set]
        to = max(curve.sizes[-1] for curve in mine)
        full = [curve for curve in mine if curve.sizes[-1] == to and curve.mean(-1) > 0]
        if len(full) < 2:
            continue
        common = np.array(sorted(set.intersection(*(set(curve.sizes.tolist()) for curve in full))))
        bases = common[(common <= to / PART) & (common >= LEAST_BASE_OF_ARMS)]
        if bases.size:
            found += [of_lcdb(curve, float(bases[-1])) for curve in full]
    return found


def public_laws() -> list[Told]:
    names = pl.read_csv(FOLDER / "curves.csv").unique("curve").select("curve", "task").rows()
    task = {str(curve): "".join(c for c in str(name) if c.isalnum() or c in " -") for curve, name in names}
    found = []
    for curve in public_curves():
        x, y = np.append(curve.x, curve.held_x), np.append(curve.y, curve.held_y)
        last = x.max() / PART
        if x.min() > last / (SPAN / 2):
            continue  # the law would have to be followed below what was seen
        here = x >= last / SPAN
        u, y = np.log(x[here] / last), np.log(y[here])
        law = fitted(u, y, np.ones_like(u))
        off = float(np.sqrt(((ln_error(law, u) - y) ** 2).mean()))
        freedom = np.sqrt(len(u) / max(len(u) - len(law), 1))
        found.append(Told(f"{curve.domain} {task[curve.name]}", law, max(off * float(freedom), 1e-3), 0.0, off))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the table that is shipped")
    write = parser.parse_args().write
    found = [*lcdb_laws(), *public_laws()]
    print(
        "| | curves | studies | noise of a run: 10 %, median, 90 % | exponent before, after the break | about the law |"
    )
    print("|---|---:|---:|---:|---:|---:|")
    for name in ("LCDB", "IC", "NMT"):
        mine = [one for one in found if one.study.startswith(name)]
        noise = np.quantile([one.noise for one in mine], [0.1, 0.5, 0.9])
        a, beyond = (np.median([one.law[2] + k * one.law[4] for one in mine]) for k in (0, 1))
        cells = [", ".join(f"{v:.3f}" for v in noise), f"{a:.2f}, {beyond:.2f}"]
        off = np.median([one.off for one in mine])
        print(f"| {name} | {len(mine)} | {len({one.study for one in mine})} | {' | '.join(cells)} | {off:.4f} |")
    if write:
        head = [
            "# Laws with one break and noises of runs, of LCDB 0.1.0 (Mohr et al. 2022, MIT) and of the curves of",
            "# Alabdulmohsin et al. 2022 (Apache-2.0), learned by tests/bench/learn_laws.py --write.",
            "study,E,A,a,b,c,noise,slope",
        ]
        (Path(public.__file__).parent / "laws.csv").write_text(
            "\n".join([*head, *(one.line() for one in found)]) + "\n"
        )


if __name__ == "__main__":
    main()
