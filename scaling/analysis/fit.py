"""Fit scaling curves: robustly, globally, many at once; see `forms` for the laws, `pool` for what predicts.

    curve = fit_curve(clips, error)
    curve.predict(1e7), curve.interval(1e7, level=0.9), curve.inverse(0.2)

The parameters E, A and a are those of the default law on all sizes, without any belief. Predictions are pooled
over windows of sizes and two laws, unless one law is asked for by name.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from scaling.analysis.curve import BEYOND, LEVEL, NOWHERE, Curve, Interval, Status
from scaling.analysis.forms import EXPONENT_BOUNDS, OFFSET, POWER, Floats, Form
from scaling.analysis.pool import FEWEST, NOISE, Member, Pool, Table, fit_pools, table, with_draws
from scaling.analysis.solve import HUBER, polish, solve

__all__ = [
    "BEYOND", "EXPONENT_BOUNDS", "HUBER", "LEVEL", "NOWHERE", "Curve", "Floats", "Interval", "Status", "fit_batch",
    "fit_curve", "fit_curves", "interval", "law",
]  # fmt: skip

RESAMPLES = 1000
_FLAT = 0.01  # without resamples: a change below 1 % over the whole range is none
_NO_OFFSET = 1e-3  # an offset below this share of the error at BEYOND x the largest size is none
_ALL_OFFSET = 1e-4  # a falling part below this share of the offset at the largest size: the curve has landed
_STEPS = 60


def law(clips: Floats | float, E: float, A: float, a: float) -> Floats:
    """E + A·clips^(-a)."""
    return np.asarray(E + A * np.power(np.asarray(clips, dtype=np.float64), -a))


def interval(draws: Floats) -> Interval:
    """The central interval of level `LEVEL` of resampled numbers; NaN if any of them is missing."""
    if draws.size == 0 or not np.isfinite(draws).all():
        return NOWHERE
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def fit_curve(
    clips: Floats,
    error: Floats,
    resampled: Floats | None = None,
    *,
    form: Form | None = None,
    draws: int = RESAMPLES,
    unit: str = "clips",
    seed: int = 0,
) -> Curve:
    """Fit one curve.

    Args:
        clips: (n,) sizes in any order; a size may come several times (runs) and then counts by its mean error, with
            the weight of its runs.
        error: (n,) errors, above 0.
        resampled: (r, number of distinct sizes, ascending) mean errors under resampled runs or test clips. Without
            it runs are resampled where every size has several, and residuals otherwise.
        form: fit and predict with this law alone instead of the default law and the pool.
        draws: refits for the interval; 0 for none.

    Returns:
        The curve; see `Curve.status` for what the data could not say.

    Raises:
        ValueError: shapes that do not fit, or an error or size that is not a finite number above 0.
    """
    given = None if resampled is None else [np.asarray(resampled, dtype=np.float64)]
    return fit_curves([(clips, error)], given, form=form, draws=draws, unit=unit, seed=seed)[0]


def fit_batch(sizes: Floats, error: Floats, resampled: Floats | None, n_points: list[int]) -> list[Curve]:
    """Fit many curves over the same sizes.

    Args:
        sizes: (n,) distinct sizes, ascending.
        error: (c, n) mean errors.
        resampled: (c, r, n) resampled mean errors; a curve without them holds NaN.
        n_points: scores behind each of the c curves.

    Raises:
        ValueError: as `fit_curve`.
    """
    if resampled is not None and (resampled.ndim != 3 or resampled.shape[::2] != error.shape):
        raise ValueError(f"resampled {resampled.shape} does not match errors {error.shape}")
    curves = [(sizes, row) for row in error]
    return fit_curves(curves, None if resampled is None else list(resampled), draws=0, n_points=n_points)


def fit_curves(
    curves: Sequence[tuple[Floats, Floats]],
    resampled: Sequence[Floats] | None = None,
    *,
    form: Form | None = None,
    draws: int = RESAMPLES,
    unit: str = "clips",
    seed: int = 0,
    n_points: list[int] | None = None,
) -> list[Curve]:
    """Fit many curves at once, each (clips, error) as in `fit_curve`; `resampled` one array a curve, all of equal r.

    Raises:
        ValueError: as `fit_curve`.
    """
    gathered = [_gather(*curve) for curve in curves]
    points = n_points or [int(weight.sum()) for _, _, weight, _ in gathered]
    data = table([entry[:3] for entry in gathered])
    n_sizes = (data.w > 0).sum(axis=1)
    given = _given(resampled, data, n_sizes)
    many, spread = _runs_resampled(gathered, data, draws, seed)
    fitted: list[Curve] = [_none("too few points", data, i, points[i], unit) for i in range(len(curves))]
    enough: list[int] = np.flatnonzero(n_sizes >= FEWEST).tolist()
    falls: list[int] = []
    for i in enough:
        said = _trend(data, i, given[i] if given is not None and np.isfinite(given[i]).all() else None)
        if said is None:
            falls.append(i)
        elif said[0] == "rises with data":
            fitted[i] = _none("rises with data", data, i, points[i], unit)
        else:
            fitted[i] = _constant(data, i, points[i], unit, said[1])
    rows = np.array(falls, dtype=np.int64)
    if not rows.size:
        return fitted
    part = Table(data.x[rows], data.y[rows], data.w[rows])
    laws = _Laws(part, form or OFFSET)
    pools = laws.pools() if form is not None else fit_pools(part, (laws.theta, laws.largest_residual))
    # One call for each source of what is resampled: test clips or runs where they are known, residuals elsewhere.
    sources: dict[str, list[int]] = {}
    for j, i in enumerate(rows):
        if given is not None and given.shape[1]:
            sources.setdefault("resamples given" if np.isfinite(given[i]).all() else "none", []).append(j)
        elif draws:
            several = np.isfinite(spread[i])
            sources.setdefault("several runs a size" if several else "residuals of one run a size", []).append(j)
        else:
            sources.setdefault("none", []).append(j)
    for source, members in sources.items():
        mine, here = rows[members], Table(part.x[members], part.y[members], part.w[members])
        chosen = [pools[j] for j in members]
        drawn = None
        if source == "resamples given" and given is not None:
            drawn = np.log(np.maximum(np.nan_to_num(given[mine], nan=1.0), 1e-9))
        elif source == "several runs a size":
            drawn = many[mine]
        if source != "none":
            r = draws if drawn is None else drawn.shape[1]
            chosen = with_draws(chosen, here, r, seed, drawn, spread[mine])
        for k, (j, pool) in enumerate(zip(members, chosen, strict=True)):
            mean_errors = None if drawn is None else drawn[k]
            fitted[rows[j]] = laws.curve(j, points[rows[j]], unit, source, pool, mean_errors)
    return fitted


class _Laws:
    """One law on all sizes of each curve, robust and without belief."""

    def __init__(self, data: Table, form: Form) -> None:
        self.data, self.form = data, form
        self.u = (data.x - data.centre[:, None]) * (data.w > 0)
        self.theta, loss = solve(form, self.u, data.y, data.w)
        self.zero = np.zeros(len(data.y), dtype=np.bool_)
        self.plain: Floats = np.empty((len(data.y), 2))
        if form is OFFSET:
            self.plain, plain_loss = solve(POWER, self.u, data.y, data.w)
            self.zero = np.asarray(plain_loss <= loss * (1 + 1e-9) + 1e-20)
        rest = (data.y - form.log_error(self.u, self.theta)[0]) * (data.w > 0)
        self.largest_residual = np.abs(rest).max(axis=1)
        self.loss = loss
        self.residual = np.sqrt((rest**2).sum(axis=1) / (data.w > 0).sum(axis=1))

    def pools(self) -> list[Pool]:
        """Pools of this law alone."""
        n, k = (self.data.w > 0).sum(axis=1), len(self.form.parameters)
        freedom = np.maximum(n - k, 0) + 1.0
        noise = np.sqrt((2 * self.loss + NOISE**2) / freedom)
        d = self.data
        return [
            Pool(float(d.centre[i]), float(d.last[i]), (
                Member(self.form, float(d.first[i]), self.theta[i], float(noise[i]), float(freedom[i]), False),
            ))
            for i in range(len(n))
        ]  # fmt: skip

    def curve(self, j: int, points: int, unit: str, source: str, pool: Pool, drawn: Floats | None) -> Curve:
        """The curve of row j, with what was resampled."""
        data, form = self.data, self.form
        n = int((data.w[j] > 0).sum())
        centre, largest = data.centre[j : j + 1], _largest(data, j)
        names = form.parameters
        values = form.natural(np.exp(centre), self.theta[j : j + 1, 0], self.theta[j : j + 1, 1:])[0]
        if self.zero[j]:
            values = np.append(0.0, POWER.natural(np.exp(centre), self.plain[j : j + 1, 0], self.plain[j : j + 1, 1:]))
        by = dict(zip(names, (float(v) for v in values), strict=True))
        status: Status = "converged"
        E, a = by.get("E", 0.0), by["a"]
        at, far = (float(np.exp(form.log_error(np.array([[np.log(x) - centre[0]]]), self.theta[j : j + 1])[0][0, 0]))
                   for x in (largest, BEYOND * largest))  # fmt: skip
        if n <= len(OFFSET.parameters):
            status, by = "too few points", dict.fromkeys(names, float("nan"))
        elif a <= EXPONENT_BOUNDS[0] * 1.0001 or a >= EXPONENT_BOUNDS[1] * 0.9999:
            status = "exponent at bound"
        elif "E" in by and _NO_OFFSET * far >= E:
            status = "offset at zero"
        elif E > 0 and at - E <= _ALL_OFFSET * E:
            status = "offset at the lowest point"
        ends: dict[str, Interval] = {}
        if drawn is not None and status != "too few points" and form is OFFSET:
            u = np.broadcast_to(self.u[j], drawn.shape)
            w = np.broadcast_to(data.w[j], drawn.shape)
            theta, _ = polish(form, u, drawn, w, np.repeat(self.theta[j : j + 1], len(drawn), axis=0), steps=_STEPS)
            natural = form.natural(np.exp(np.repeat(centre, len(drawn))), theta[:, 0], theta[:, 1:])
            ends = {f"{name}_interval": interval(column) for name, column in zip(names, natural.T, strict=True)}
        nan = float("nan")
        curve = Curve(
            status, "none" if status == "too few points" else form.name, by.get("E", nan), by.get("A", nan),
            by.get("a", nan), points, n, largest, float(self.residual[j]), unit, **ends,
            parameters=tuple(by.items()), noise_from=source, pool=pool,  # type: ignore[arg-type]
        )  # fmt: skip
        if not pool.draws:
            return curve
        low, high = curve.interval(np.array([largest, BEYOND * largest]), LEVEL)
        return _replace(curve, (float(low[0]), float(high[0])), (float(low[1]), float(high[1])))


def _replace(curve: Curve, at_largest: Interval, beyond: Interval) -> Curve:
    return replace(curve, at_largest=at_largest, beyond=beyond)


def _gather(clips: Floats, error: Floats) -> tuple[Floats, Floats, Floats, list[Floats]]:
    """Distinct sizes ascending, mean error, number of runs, and the runs' errors of each size."""
    clips, error = np.asarray(clips, dtype=np.float64), np.asarray(error, dtype=np.float64)
    if clips.ndim != 1 or clips.shape != error.shape or clips.size == 0:
        raise ValueError(f"clips {clips.shape} and error {error.shape} must be equal and one-dimensional")
    for name, values in (("sizes", clips), ("errors", error)):
        if not (np.isfinite(values).all() and np.all(values > 0)):
            raise ValueError(f"{name} must be finite and above 0")
    sizes, place, runs = np.unique(clips, return_inverse=True, return_counts=True)
    mean = np.bincount(place, weights=error) / runs
    return sizes, mean, runs.astype(np.float64), [error[place == k] for k in range(len(sizes))]


def _given(resampled: Sequence[Floats] | None, data: Table, n_sizes: Floats) -> Floats | None:
    """(c, r, n) resampled errors, padded; NaN for a curve without."""
    if resampled is None:
        return None
    r = max((len(rows) for rows in resampled), default=0)
    found = np.ones((len(resampled), r, data.x.shape[1]))
    for i, rows in enumerate(resampled):
        if rows.ndim != 2 or rows.shape != (r, n_sizes[i]):
            raise ValueError(f"resampled {rows.shape} must be (resamples, {n_sizes[i]} sizes)")
        found[i, :, : n_sizes[i]] = rows
    return found


def _runs_resampled(
    gathered: list[tuple[Floats, Floats, Floats, list[Floats]]], data: Table, draws: int, seed: int
) -> tuple[Floats, Floats]:
    """(c, draws, n) resampled ln mean errors, and (c,) the spread of one run; NaN unless all sizes have several."""
    spread = np.full(len(gathered), np.nan)
    several = [all(len(runs) > 1 for runs in entry[3]) for entry in gathered]
    many = np.zeros((len(gathered), draws if any(several) else 0, data.x.shape[1]))
    for i, (_, mean, count, runs) in enumerate(gathered):
        if not several[i] or not draws:
            continue
        freedom = count.sum() - len(count)
        within = sum(float(((np.log(r) - np.log(r).mean()) ** 2).sum()) for r in runs)
        spread[i] = np.sqrt(within / freedom)
        # The runs' own means under resampling, as Student's t: two or three runs drawn with replacement spread too
        # little. The spread is shared by the sizes, as the law's noise is.
        rng = np.random.default_rng([seed, i])
        wide = spread[i] * np.sqrt(freedom / rng.chisquare(freedom, draws))
        z = rng.standard_normal((draws, len(count)))
        many[i, :, : len(count)] = np.log(mean) + wide[:, None] * z / np.sqrt(count)
    return many, spread


def _trend(data: Table, i: int, given: Floats | None) -> tuple[Literal["rises with data", "flat"], Interval] | None:
    """What is to be said of a curve that does not fall, and the interval of its level."""
    seen = data.w[i] > 0
    x, y, w = data.x[i][seen], data.y[i][seen], data.w[i][seen]
    u = x - (w @ x) / w.sum()
    slope = float((w * u) @ y / ((w * u) @ u))
    if given is None:
        trend, spread = abs(slope) * float(np.ptp(u)) > _FLAT, NOWHERE
    else:
        log = np.log(np.maximum(given[:, : seen.sum()], 1e-9))
        low, high = interval(log @ (w * u) / ((w * u) @ u))
        trend, spread = low > 0 or high < 0, interval(np.exp(log @ w / w.sum()))
    if not trend:
        return "flat", spread
    return ("rises with data", NOWHERE) if slope > 0 else None


def _largest(data: Table, i: int) -> float:
    """The largest size of curve i, to 12 digits: a logarithm and back would leave 9999.999999999998."""
    return float(f"{np.exp(data.last[i]):.12g}")


def _none(status: Status, data: Table, i: int, points: int, unit: str) -> Curve:
    nan = float("nan")
    n = int((data.w[i] > 0).sum())
    return Curve(status, "none", nan, nan, nan, points, n, _largest(data, i), nan, unit)


def _constant(data: Table, i: int, points: int, unit: str, spread: Interval) -> Curve:
    seen = data.w[i] > 0
    y, w = data.y[i][seen], data.w[i][seen]
    level = float((w @ y) / w.sum())
    residual = float(np.sqrt(np.mean((y - level) ** 2)))
    return Curve(
        "flat", "constant", float(np.exp(level)), 0.0, 0.0, points, int(seen.sum()), _largest(data, i),
        residual, unit, E_interval=spread, at_largest=spread, beyond=spread,
    )  # fmt: skip
