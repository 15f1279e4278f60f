"""Fit scaling curves: robustly, globally, many at once; see `forms` for the laws, `pool` for what predicts.

    curve = fit_curve(clips, error)
    curve.predict(1e7), curve.interval(1e7, level=0.9), curve.inverse(0.2)

The parameters E, A and a are those of the default law on all sizes, without any belief. Predictions are pooled
over windows of sizes and two laws, unless one law is asked for by name. Paired replicates of several arms, for
statements about two curves, come from `replicate`.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from scaling.analysis.curves.curve import BEYOND, Curve, Noise, Refits, Status
from scaling.analysis.curves.forms import EXPONENT_BOUNDS, OFFSET, POWER, Floats, Form
from scaling.analysis.curves.observed import LEVEL, NOWHERE, Interval, Observed, Table, interval, observe
from scaling.analysis.curves.pool import FEWEST, NOISE, Known, Member, Pool, Trend, fit_pools, pool_of
from scaling.analysis.curves.solve import HUBER, solve, threshold

__all__ = [
    "BEYOND", "EXPONENT_BOUNDS", "HUBER", "LEVEL", "NOWHERE", "Curve", "Floats", "Interval", "Status", "fit_batch",
    "fit_curve", "fit_curves", "interval", "law",
]  # fmt: skip

RESAMPLES = 1000
_NO_OFFSET = 1e-3  # an offset below this share of the error at BEYOND x the largest size is none
_ALL_OFFSET = 1e-4  # a falling part below this share of the offset at the largest size: the curve has landed
_GRID = 33  # places within the data at which predictions are looked at
_RISE = 1e-3  # of the predicted ln error towards the largest size: less cannot be seen
_NORMAL = 1.4826  # median of absolute normal deviates -> standard deviation
_SURELY = 3  # standard deviations
_TRENDS: dict[bool | None, Trend] = {True: "rises", False: "falls", None: "flat"}


def law(clips: Floats | float, E: float, A: float, a: float) -> Floats:
    """E + A·clips^(-a)."""
    return np.asarray(E + A * np.power(np.asarray(clips, dtype=np.float64), -a))


def fit_curve(
    clips: Floats,
    error: Floats,
    *,
    form: Form | None = None,
    draws: int = RESAMPLES,
    unit: str = "clips",
    seed: int = 0,
    n_test: Floats | float | None = None,
) -> Curve:
    """Fit one curve.

    Args:
        clips: (n,) sizes in any order; a size may come several times (runs) and then counts by its mean error, with
            the weight of its runs.
        error: (n,) errors, above 0; with `n_test`, shares that may be 0.
        form: fit and predict with this law alone instead of the default law and the pool.
        draws: refits for the intervals of parameters, to resampled runs where every size has several (else there are
            none); 0 for none. Bands need none.
        n_test: how many test clips the errors are shares of, one number or (n,): what noise a single run has at least.

    Returns:
        The curve; see `Curve.status` for what the data could not say.

    Raises:
        ValueError: shapes that do not fit, or an error or size that is not a finite number above 0.
    """
    counts = None if n_test is None else [n_test]
    return fit_curves([(clips, error)], form=form, draws=draws, unit=unit, seed=seed, n_test=counts)[0]


def fit_curves(
    curves: Sequence[tuple[Floats, Floats]],
    *,
    form: Form | None = None,
    draws: int = RESAMPLES,
    unit: str = "clips",
    seed: int = 0,
    n_test: Sequence[Floats | float | None] | None = None,
) -> list[Curve]:
    """Fit many curves at once, each (clips, error) as in `fit_curve`; `n_test` is one entry a curve.

    Raises:
        ValueError: as `fit_curve`.
    """
    return fit_observed(observe(curves, n_test=n_test), form, draws, unit, seed)


def fit_batch(
    sizes: Floats, error: Floats, resampled: Floats | None, runs: Floats, draws: int, unit: str = "clips"
) -> list[Curve]:
    """Fit many curves over the same sizes, of which means are left and what the caller resampled.

    Args:
        sizes: (n,) distinct sizes, ascending.
        error: (c, n) mean errors.
        resampled: (c, r, n) mean errors under resampled runs and test clips; a curve without them holds NaN. With
            several runs at each size intervals rest on them. With one they tell the least noise that a run has.
        runs: (c, n) runs behind each mean.
        draws: 0 for no intervals of parameters.

    Raises:
        ValueError: as `fit_curve`.
    """
    if resampled is not None and (resampled.ndim != 3 or resampled.shape[::2] != error.shape):
        raise ValueError(f"resampled {resampled.shape} does not match errors {error.shape}")
    curves = [(sizes, row) for row in error]
    return fit_observed(
        observe(curves, None if resampled is None else list(resampled), list(runs)), draws=draws, unit=unit
    )


def fit_observed(
    seen: Observed, form: Form | None = None, draws: int = RESAMPLES, unit: str = "clips", seed: int = 0
) -> list[Curve]:
    """Fit what `observe` gathered; arguments as of `fit_curve`."""
    data = seen.data
    fitted = [_none("too few points", data, i, unit) for i in range(len(data.y))]
    rows = np.flatnonzero(data.n_sizes >= FEWEST).tolist()
    if not rows:
        return fitted
    part = data.rows(rows)
    own = np.round([seen.own_noise(i) for i in rows], 12)
    trends = [_TRENDS[seen.rises(i)] for i in rows]
    falls = [j for j, trend in enumerate(trends) if trend == "falls"]
    laws = _Laws(part.rows(falls), form or OFFSET, own[falls])
    pools: dict[int, Pool] = dict(zip(falls, laws.pools(), strict=True)) if form is not None else {}
    pooled = [j for j in range(len(rows)) if j not in pools]
    theta, residual = np.zeros((len(rows), len(laws.form.parameters))), np.full(len(rows), np.inf)
    theta[falls], residual[falls] = laws.theta, laws.largest_residual
    found = fit_pools(part.rows(pooled), (theta[pooled], residual[pooled]), own[pooled], [trends[j] for j in pooled])
    pools |= dict(zip(pooled, found, strict=True))
    for j, i in enumerate(rows):
        if trends[j] == "falls":
            k = falls.index(j)
            curve = laws.curve(k, unit)
            again = _again(seen, i, draws, seed)
            if len(again) and curve.status != "too few points" and laws.form is OFFSET:
                curve = replace(curve, refits=laws.refits(k, again))
            if curve.status == "converged" and _rises_at_last(pools[j], part, j):
                curve = replace(curve, status="rises at the largest sizes")
        else:
            curve = _none("rises with data", data, i, unit) if trends[j] == "rises" else _constant(seen, i, unit)
        known: Known = "several runs" if seen.several(i) else "one run and test clips" if own[j] > 0 else "one run"
        source: Noise = "several runs a size" if known == "several runs" else "residuals of one run a size"
        pool = replace(pools[j], known=known, bound=curve.status == "exponent at bound")
        fitted[i] = replace(curve, pool=pool, noise_from=source)
    return fitted


def _rises_at_last(pool: Pool, data: Table, j: int) -> bool:
    """Whether predictions rise towards the largest size of curve j, or lie above what was seen there at `BEYOND` times
    it, by more than its noise: no member of a pool rises, but windows of sizes may lie above each other, and the last
    size below all of them."""
    x, y = (part[j, data.seen[j]] for part in (data.x, data.y))
    within = pool.log_error(np.linspace(x[0], x[-1], _GRID))
    beyond = float(pool.log_error(x[-1:] + np.log(BEYOND))[0])
    others = np.abs(pool.log_error(x) - y)[:-1]
    noise = max(HUBER, _NORMAL * float(np.median(others)), pool.own / float(np.sqrt(data.w[j, data.seen[j]][-1])))
    return bool(within[-1] > within.min() + _RISE or beyond > y[-1] + _SURELY * noise)


def _again(seen: Observed, i: int, draws: int, seed: int) -> Floats:
    """(r, n) resampled ln mean errors of curve i, padded: the caller's, or of its runs; (0, n) without or unasked."""
    if draws and seen.resampled(i) is not None and seen.given is not None:
        return np.asarray(seen.given[i])
    return seen.runs_again(i, draws, seed) if seen.several(i) else np.empty((0, seen.data.x.shape[1]))


class _Laws:
    """One law on all sizes of each curve, robust and without belief; `own` (b,) as of `Pool.own`."""

    def __init__(self, data: Table, form: Form, own: Floats) -> None:
        self.data, self.form, self.own = data, form, own
        self.delta = threshold(data.noise_of_means(own))
        self.theta, self.loss = solve(form, data.u, data.y, data.w, delta=self.delta)
        self.zero = np.zeros(len(data.y), dtype=np.bool_)
        self.plain: Floats = np.empty((len(data.y), 2))
        if form is OFFSET:
            self.plain, plain_loss = solve(POWER, data.u, data.y, data.w, delta=self.delta)
            self.zero = np.asarray(plain_loss <= self.loss * (1 + 1e-9) + 1e-20)
        rest = (data.y - form.log_error(data.u, self.theta)[0]) * data.seen
        self.largest_residual = np.abs(rest).max(axis=1)
        self.residual = np.sqrt((rest**2).sum(axis=1) / data.n_sizes)

    def pools(self) -> list[Pool]:
        """Pools of this law alone."""
        freedom = np.maximum(self.data.n_sizes - len(self.form.parameters), 0) + 1.0
        noise = np.sqrt((2 * self.loss + np.maximum(self.own, NOISE) ** 2) / freedom)
        return [
            pool_of(self.data, j, [Member(self.form, float(self.data.first[j]), theta, float(noise[j]))], self.own[j])
            for j, theta in enumerate(self.theta)
        ]

    def refits(self, j: int, drawn: Floats) -> Refits:
        """Of curve j to (r, n) resampled ln mean errors."""
        u, w, theta = (part[j] for part in (self.data.u, self.data.w, self.theta))
        return Refits(self.form, float(self.data.centre[j]), u, w, theta, float(self.delta[j]), drawn)

    def curve(self, j: int, unit: str) -> Curve:
        """Row j, without what predicts."""
        data, form, theta = self.data, self.form, self.theta[j : j + 1]
        n, largest, centre = int(data.n_sizes[j]), data.largest(j), data.centre[j : j + 1]
        values = form.natural(np.exp(centre), theta[:, 0], theta[:, 1:])[0]
        if self.zero[j]:
            values = np.append(0.0, POWER.natural(np.exp(centre), self.plain[j : j + 1, 0], self.plain[j : j + 1, 1:]))
        by = dict(zip(form.parameters, (float(v) for v in values), strict=True))
        status: Status = "converged"
        E, a = by.get("E", 0.0), by["a"]
        u = np.log(np.array([[largest, BEYOND * largest]])) - centre[0]
        at, far = np.exp(form.log_error(u, theta)[0][0])
        if n <= len(OFFSET.parameters):
            status, by = "too few points", dict.fromkeys(form.parameters, float("nan"))
        elif a <= EXPONENT_BOUNDS[0] * 1.0001 or a >= EXPONENT_BOUNDS[1] * 0.9999:
            status = "exponent at bound"
        elif "E" in by and _NO_OFFSET * far >= E:
            status = "offset at zero"
        elif E > 0 and at - E <= _ALL_OFFSET * E:
            status = "offset at the lowest point"
        nan = float("nan")
        return Curve(
            status, "none" if status == "too few points" else form.name, by.get("E", nan), by.get("A", nan),
            by.get("a", nan), int(data.w[j].sum()), n, largest, float(self.residual[j]), unit,
            parameters=tuple(by.items()),
        )  # fmt: skip


def _none(status: Status, data: Table, i: int, unit: str) -> Curve:
    nan = float("nan")
    return Curve(
        status, "none", nan, nan, nan, int(data.w[i].sum()), int(data.n_sizes[i]), data.largest(i), nan, unit
    )  # fmt: skip


def _constant(seen: Observed, i: int, unit: str) -> Curve:
    data = seen.data
    n = int(data.n_sizes[i])
    level, spread = seen.level(i)
    residual = float(np.sqrt(np.mean((data.y[i, :n] - level) ** 2)))
    return Curve(
        "flat", "constant", float(np.exp(level)), 0.0, 0.0, int(data.w[i].sum()), n, data.largest(i), residual, unit,
        level_interval=spread,
    )  # fmt: skip
