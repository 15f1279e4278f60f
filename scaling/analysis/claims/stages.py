"""Two stages beside the direct curve: the loss on the holdout by size, then the error on the task by the loss.

Each predicts the largest size from the smaller ones, on every task of every arm; the one that comes nearer is named.
The loss is one number a run, with little noise; whether it tells the task's error is what is tested here. Losses of
two objectives are two quantities, so that each arm has links of its own.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from scaling.analysis.claims.claim import Claim, chance, covers, led, over, percent, whole
from scaling.analysis.claims.differences import better
from scaling.analysis.curves.curve import BEYOND, Curve
from scaling.analysis.curves.fit import fit_batch, fit_curves
from scaling.analysis.curves.forms import MAGNITUDES, Floats
from scaling.analysis.curves.link import FEWEST, FORMS, Form, Link, fit_link
from scaling.analysis.curves.observed import LEVEL, Interval, interval
from scaling.analysis.scores.arms import Arm, arms
from scaling.analysis.scores.design import Design
from scaling.analysis.scores.metrics import primary
from scaling.analysis.scores.resamples import FIT_RESAMPLES, RESAMPLES, Draws
from scaling.analysis.scores.rows import references, trained
from scaling.analysis.scores.words import place, unit

Forecast = tuple[float, Interval]
_SIZES = FEWEST + 1  # the largest is predicted from the others
_CHANCE = "chance"  # the reference


@dataclass(frozen=True)
class Staged:
    """One arm, its error averaged over the tasks that it has at all sizes.

    Attributes:
        x, loss, error: (n,) sizes, ascending, mean losses and mean errors.
        tasks: how many the average is over.
        held_out: of the largest size, as the smaller ones predict it: directly, by two stages, and by the link from the
            loss that was measured there.
        direct, staged: at `BEYOND` times the largest size, from all sizes, with intervals for a new run.
        link: from all sizes; ahead: the loss at `BEYOND` times the largest size.
    """

    arm: Arm
    x: Floats
    loss: Floats
    error: Floats
    tasks: int
    held_out: tuple[float, float, float]
    direct: Forecast
    staged: Forecast
    link: Link
    ahead: float
    n_seeds: int
    runs: tuple[str, ...]


@dataclass(frozen=True)
class Stages:
    """A study of which the loss on the holdout is known; `arms` is empty for another.

    Attributes:
        form: of the links: the one that fits the smaller sizes better, over all arms and tasks.
        off: mean distance of prediction and error at the largest size, in ln error, over arms and tasks: directly, by
            two stages, by the link alone.
        number, low, high: off directly less off by two stages; above 0 where two stages predict better.
        probability: of that.
        n: predictions compared.
    """

    form: Form = "sigmoid"
    arms: tuple[Staged, ...] = ()
    off: tuple[float, float, float] = (0.0, 0.0, 0.0)
    number: float = 0.0
    low: float = 0.0
    high: float = 0.0
    probability: float = 0.5
    n: int = 0

    @property
    def named(self) -> str:
        """What predicted better."""
        return "two stages" if self.number > 0 else "the direct curve"


@dataclass(frozen=True)
class _Arm:
    """Sizes (n,), losses (n,) with those of runs, and tasks' errors (tasks, n), resampled (tasks, r, n)."""

    arm: Arm
    x: Floats
    loss: Floats
    by_run: tuple[Floats, Floats]
    tasks: list[str]
    error: Floats
    resampled: Floats
    counts: Floats
    chance: Floats
    runs: tuple[str, ...]

    def with_average(self) -> tuple[Floats, Floats, Floats]:
        """Errors (tasks + 1, n), resampled, and seeds behind them; the average over tasks is the last."""
        averages = self.error.mean(axis=0), self.resampled.mean(axis=0), self.counts.min(axis=0)
        parts = zip((self.error, self.resampled, self.counts), averages, strict=True)
        error, again, counts = (np.concatenate([part, average[None]]) for part, average in parts)
        return error, again, counts


def stages(draws: Draws, scores: pl.DataFrame, design: Design) -> Stages:
    """Of every arm with four sizes or more at all of which the loss is known and above 0."""
    if design.x.scale == "nominal" or scores["holdout_loss"].null_count() == scores.height:
        return Stages()
    main, rows = draws.cells.filter(primary()), trained(scores, design)
    by_chance = _chance(scores)
    each = [(arm, main.filter(arm.rows()), rows.filter(arm.rows())) for arm in arms(main, design)]
    known = [one for part in each if (one := _arm(*part, draws, by_chance)) is not None]
    if not known:
        return Stages()
    form = min(FORMS, key=lambda form: sum(_misfit(form, one) for one in known))
    staged, parts = zip(*_staged(known, form, unit(design.x)), strict=True)
    return _compared(form, staged, parts)


def _chance(scores: pl.DataFrame) -> dict[str, float]:
    """The error of chance by task, where it was scored."""
    levels = references(scores).filter(primary(), pl.col("reference") == _CHANCE)
    return dict(levels.select("task", "error").iter_rows())


def _arm(arm: Arm, mine: pl.DataFrame, rows: pl.DataFrame, draws: Draws, by_chance: dict[str, float]) -> _Arm | None:
    each = rows.select("run", "seed", "x", "holdout_loss").unique().sort("x", "seed", "run")
    lost = each["holdout_loss"]
    if lost.null_count() or not (lost > 0).all() or float(lost.to_numpy().max()) > MAGNITUDES[1]:
        return None
    by_size = each.group_by("x", maintain_order=True).agg(pl.col("holdout_loss").mean())
    x, loss = (by_size[name].cast(pl.Float64).to_numpy() for name in ("x", "holdout_loss"))
    mine = mine.filter(pl.len().over("task") == x.size).sort("task", "x")
    if x.size < _SIZES or mine.is_empty() or np.ptp(loss[:-1]) <= 1e-6 * loss[0]:
        return None
    tasks: list[str] = mine["task"].unique(maintain_order=True).to_list()
    shape = (len(tasks), x.size)
    again = draws.errors[mine["row"]][:, :FIT_RESAMPLES].reshape(*shape, -1)
    floor = mine.select(0.5 / (pl.col("n_test") + 1.0)).to_series().fill_null(0).to_numpy().reshape(shape)
    return _Arm(
        arm, x, loss, (each["x"].cast(pl.Float64).to_numpy(), lost.to_numpy()), tasks,
        mine["error"].to_numpy().reshape(shape), np.maximum(again, floor[..., None]).swapaxes(1, 2),
        mine["n_seeds"].cast(pl.Float64).to_numpy().reshape(shape),
        np.array([by_chance.get(task, 1.0) for task in tasks]),
        tuple(sorted({run for line in mine["runs"] for run in line})),
    )  # fmt: skip


def _misfit(form: Form, one: _Arm) -> float:
    """Squares of what links of all tasks leave of ln error, over the smaller sizes."""
    left = 0.0
    for error, most in zip(one.error, one.chance, strict=True):
        link = fit_link(form, one.loss[:-1], error[:-1], most)
        left += float(((np.log(link.error(one.loss[:-1])) - np.log(error[:-1])) ** 2).sum())
    return left


_Parts = tuple[list[str], Floats]


def _staged(known: list[_Arm], form: Form, counted: str) -> list[tuple[Staged, _Parts]]:
    """Each arm, and its tasks with (tasks, 3) distances in ln error at the largest size: directly, by two stages, by
    the link alone. What is fitted is fitted at once, for speed."""
    below = [(x[x < x.max()], loss[x < x.max()]) for x, loss in (one.by_run for one in known)]
    losses = fit_curves([*below, *(one.by_run for one in known)], draws=0, unit=counted)
    groups: dict[tuple[float, ...], list[int]] = {}
    for i, one in enumerate(known):
        groups.setdefault(tuple(one.x), []).append(i)
    told: dict[int, tuple[Staged, _Parts]] = {}
    for x, members in groups.items():
        those = [known[i].with_average() for i in members]
        error, again, counts = (np.concatenate(part) for part in zip(*those, strict=True))
        smaller = fit_batch(np.array(x[:-1]), error[:, :-1], again[..., :-1], counts[:, :-1], 0, counted)
        ends = np.cumsum([len(part[0]) for part in those])
        last = ends - 1  # an arm's average follows its tasks
        ahead = fit_batch(np.array(x), error[last], again[last], counts[last], 0, counted)
        for i, end, part, curve in zip(members, ends, those, ahead, strict=True):
            direct = smaller[end - len(part[0]) : end]
            told[i] = _of_arm(known[i], form, part[0], direct, curve, (losses[i], losses[len(known) + i]))
    return [told[i] for i in range(len(known))]


def _of_arm(
    one: _Arm, form: Form, error: Floats, direct: list[Curve], ahead: Curve, losses: tuple[Curve, Curve]
) -> tuple[Staged, _Parts]:
    """`error` (tasks + 1, n) and the curves of its smaller sizes, the average last; `ahead` is the average's of all
    sizes; `losses` the loss's, of the smaller sizes and of all."""
    largest, most = float(one.x[-1]), np.append(one.chance, one.chance.mean())
    loss = np.array([float(losses[0].predict(largest)), one.loss[-1]])
    links = [fit_link(form, one.loss[:-1], e[:-1], c) for e, c in zip(error, most, strict=True)]
    predicted = np.array(
        [[float(curve.predict(largest)), *link.error(loss)] for curve, link in zip(direct, links, strict=True)]
    )
    off = np.abs(np.log(predicted) - np.log(error[:, -1:]))
    at = BEYOND * largest
    low, high = ahead.interval(at)
    link = fit_link(form, one.loss, error[-1], most[-1])
    staged = Staged(
        one.arm, one.x, one.loss, error[-1], len(one.tasks),
        (float(predicted[-1, 0]), float(predicted[-1, 1]), float(predicted[-1, 2])),
        (float(ahead.predict(at)), (float(low), float(high))),
        _two_stages(losses[1], link, at), link,
        float(losses[1].predict(at)), int(one.counts.min()), one.runs,
    )  # fmt: skip
    return staged, (one.tasks, off[:-1])


def _two_stages(loss: Curve, link: Link, at: float) -> Forecast:
    x = np.array([at])
    middle, (low, high) = loss.predict(x), loss.interval(x)
    ends = link.interval(middle, low, high, LEVEL)
    return float(link.error(middle)[0]), (float(ends[0][0]), float(ends[1][0]))


def _compared(form: Form, staged: tuple[Staged, ...], parts: tuple[_Parts, ...]) -> Stages:
    """Which predicts better, with an interval from arms and tasks resampled apart (Owen 2007, which is no narrower than
    it should be)."""
    names = sorted({task for tasks, _ in parts for task in tasks})
    gain = np.full((len(parts), len(names)), np.nan)
    for i, (tasks, off) in enumerate(parts):
        gain[i, [names.index(task) for task in tasks]] = off[:, 0] - off[:, 1]
    seen = np.isfinite(gain)
    rng = np.random.default_rng(0)
    rows, columns = (rng.multinomial(n, np.full(n, 1 / n), RESAMPLES).astype(np.float64) for n in gain.shape)
    weight = np.einsum("qi,qj,ij->q", rows, columns, seen.astype(np.float64))
    total = np.einsum("qi,qj,ij->q", rows, columns, np.where(seen, gain, 0.0))
    drawn = (total / np.where(weight > 0, weight, 1.0))[weight > 0]
    every = np.concatenate([off for _, off in parts])
    direct, two, alone = every.mean(axis=0).tolist()
    low, high = interval(drawn) if len(every) > 1 else (float("nan"), float("nan"))
    return Stages(form, staged, (direct, two, alone), direct - two, low, high, better(drawn), len(every))


def staged_claims(found: Stages, design: Design) -> list[Claim]:
    """Which predicts better, and what each arm's error would be."""
    if not found.arms:
        return []
    direct, two, _ = (100 * off for off in found.off)
    known = bool(np.isfinite(found.low))
    said = known and (found.low > 0 or found.high < 0)
    sure = found.probability if found.number > 0 else 1 - found.probability
    noise = "one prediction tells no noise"
    if known:
        noise = (
            f"difference {100 * LEVEL:.0f} % interval {100 * found.low:+.1f} to {100 * found.high:+.1f}, "
            f"{found.named} better with probability {chance(sure)}"
        ).replace("-", "−")
    text = (
        f"errors of the largest size, predicted from the smaller ones ({found.n} tasks of arms), were missed by "
        f"{direct:.1f} % by the direct curve and by {two:.1f} % by two stages (loss by size, then error by loss, a "
        f"{found.form} link): {found.named} predicted better ({noise})"
        f"{'' if said else ', too close to call'}."
    )
    runs = tuple(sorted({run for one in found.arms for run in one.runs}))
    claim = Claim(
        kind="two_stages", sentence=led("", text), number=100 * found.number, unit="percent of the error",
        interval=(100 * found.low, 100 * found.high) if known else None,
        probability=found.probability if known else None, covers="the choice of tasks and arms", runs=runs,
        status="said" if said else "cannot be said",
    )  # fmt: skip
    return [claim, *(_forecast(one, found, design) for one in found.arms)]


def _forecast(one: Staged, found: Stages, design: Design) -> Claim:
    at = BEYOND * float(one.x[-1])
    ways = {"the direct curve": one.direct, "two stages": one.staged}
    number, (low, high) = ways[found.named]
    words = [f"{percent(value)} by {name} ({_span(ends)})" for name, (value, ends) in ways.items()]
    text = f"at {place(design.x, at)} a run would err, {over(one.tasks)}, in {' and '.join(words)}."
    known = bool(np.isfinite([low, high]).all())
    name = one.arm.name if one.arm.levels else ""
    return Claim(
        kind="forecast", arm=name, at=whole(at), sentence=led(name, text), number=100 * number, unit="percent",
        interval=(100 * low, 100 * high) if known else None, covers=covers(one.n_seeds), runs=one.runs,
        status="said" if known else "cannot be said",
    )  # fmt: skip


def _span(ends: Interval) -> str:
    low, high = ends
    return f"{100 * LEVEL:.0f} % interval {100 * low:.1f} to {100 * high:.1f}" if np.isfinite(low) else "noise unknown"
