"""What several equals trade against each other: which is best at which kind of task, which no other one beats at both
kinds, and whether a mixture is ahead of both its parents."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scaling.analysis.claims.claim import (
    ALL_TASKS,
    Claim,
    chance,
    covers,
    in_points,
    led,
    over,
    points,
    span,
    status,
    whole,
)
from scaling.analysis.claims.differences import better
from scaling.analysis.curves.fit import Floats, interval
from scaling.analysis.scores.arms import Arm, arms
from scaling.analysis.scores.design import Design, Factor
from scaling.analysis.scores.metrics import primary
from scaling.analysis.scores.resamples import Draws
from scaling.analysis.scores.rows import domains, is_retrieval
from scaling.analysis.scores.words import Value, capital, place

KIND = "beats_parents"
FEWEST = 3
"""Levels: what two trade is the difference between them."""
KINDS = ("classification", "retrieval")


@dataclass(frozen=True)
class Scope:
    """The errors of some tasks: (arms,) as measured and (arms, resamples), all arms resampled together."""

    name: str
    tasks: int
    error: Floats
    draws: Floats

    @property
    def best(self) -> int:
        """The arm with the smallest error."""
        return int(np.argmin(self.error))

    def interval(self, arm: int) -> tuple[float, float]:
        """Of an arm's error."""
        return interval(self.draws[arm])

    def chance_of_best(self, arm: int) -> float:
        """The probability that no other arm has a smaller error; NaN where it is unknown."""
        others = np.delete(self.draws, arm, axis=0).min(axis=0)
        return better(others - self.draws[arm])


@dataclass(frozen=True)
class Trade:
    """Levels of a factor that share everything else, at one place on the axis: the largest that all have.

    Attributes:
        factor: whose levels they are; held: what they share, in words.
        scopes: all tasks first; then kinds and domains, of those that are a part of them.
        n_seeds: the fewest of a score.
    """

    factor: Factor
    held: str
    at: Value
    arms: tuple[Arm, ...]
    scopes: tuple[Scope, ...]
    n_seeds: int
    runs: dict[str, tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """The levels in words."""
        return tuple(arm.label(self.factor.name) for arm in self.arms)

    def front(self) -> list[tuple[int, bool, float]]:
        """Of each arm whether no other one is better at classification and no worse at retrieval, or the other way
        round; and the probability of that, NaN where it is unknown. Empty where the tasks are not of both kinds."""
        both = [scope for scope in self.scopes if scope.name in KINDS]
        if len(both) < len(KINDS):
            return []
        measured = np.stack([scope.error for scope in both])
        drawn = np.stack([scope.draws for scope in both])
        known = bool(np.isfinite(drawn).all())
        return [
            (arm, not bool(_beaten(measured, arm)), float(1 - np.mean(_beaten(drawn, arm))) if known else float("nan"))
            for arm in range(len(self.arms))
        ]


def _beaten(errors: Floats, arm: int) -> NDArray[np.bool_]:
    """Whether another arm is as good in every kind and better in one: (kinds, arms, ...) errors to (...)."""
    mine = errors[:, arm : arm + 1]
    as_good, somewhere = (errors <= mine).all(axis=0), (errors < mine).any(axis=0)
    return np.asarray((as_good & somewhere).any(axis=0))


def trades(draws: Draws, design: Design) -> list[Trade]:
    """What the levels trade of every factor with several, for each combination of all else."""
    if design.x.scale == "nominal":
        return []
    main = draws.cells.filter(primary())
    found = []
    for factor in design.factors:
        if len(factor.levels) < FEWEST:
            continue
        by_held: dict[str, list[Arm]] = {}
        for arm in arms(main, design):
            if factor.name in dict(arm.labels):
                by_held.setdefault(arm.without(factor.name), []).append(arm)
        for held, some in by_held.items():
            if len(some) >= FEWEST and (one := _trade(draws, main, factor, held, some)) is not None:
                found.append(one)
    return found


def _trade(draws: Draws, main: pl.DataFrame, factor: Factor, held: str, some: list[Arm]) -> Trade | None:
    cells = [main.filter(arm.rows()) for arm in some]
    places = set.intersection(*(set(mine["x"].to_list()) for mine in cells))
    if not places:
        return None
    at = max(places)
    here = [mine.filter(pl.col("x") == at) for mine in cells]
    common = set.intersection(*(set(mine["task"].to_list()) for mine in here))
    tasks = here[0].filter(pl.col("task").is_in(common)).sort("task")
    if tasks.is_empty():
        return None
    kept = [mine.filter(pl.col("task").is_in(common)).sort("task") for mine in here]
    raw = np.stack([mine["raw"].to_numpy() for mine in kept])  # (arms, tasks)
    drawn = np.stack([draws.errors[mine["row"].to_numpy()] for mine in kept])  # (arms, tasks, resamples)
    wanted = [(ALL_TASKS, pl.lit(True))]
    wanted += [("classification", ~is_retrieval()), ("retrieval", is_retrieval())]
    wanted += [(domain, pl.col("domain") == domain) for domain in domains(tasks)]
    scopes = []
    for name, where in wanted:
        mask = tasks.select(where.alias("in")).get_column("in").to_numpy()
        mask = np.broadcast_to(mask, (tasks.height,))
        if name == ALL_TASKS or 0 < mask.sum() < tasks.height:
            scopes.append(Scope(name, int(mask.sum()), raw[:, mask].mean(axis=1), drawn[:, mask].mean(axis=1)))
    runs = {
        arm.label(factor.name): tuple(sorted({run for some in mine["runs"].to_list() for run in some}))
        for arm, mine in zip(some, kept, strict=True)
    }
    n_seeds = min(int(mine["n_seeds"].to_numpy().min()) for mine in kept)
    return Trade(factor, held, at, tuple(some), tuple(scopes), n_seeds, runs)


def mixtures(found: list[Trade], design: Design) -> list[Claim]:
    """Whether a level that mixes others is ahead of all of them, averaged over all tasks."""
    claims = []
    for one in found:
        scope, names = one.scopes[0], list(one.names)
        for level, parents in one.factor.parents.items():
            if level in names and set(parents) <= set(names):
                of = [names.index(name) for name in parents]
                claims.append(_of_mixture(one, scope, names.index(level), of, design))
    return claims


def _of_mixture(one: Trade, scope: Scope, mine: int, parents: list[int], design: Design) -> Claim:
    names = one.names
    gained = float(scope.error[parents].min() - scope.error[mine])
    drawn = scope.draws[parents].min(axis=0) - scope.draws[mine]
    low, high = interval(drawn)
    probability = better(drawn)
    known = bool(np.isfinite(probability))
    of = " and ".join(names[parent] for parent in parents)
    best = names[parents[int(np.argmin(scope.error[parents]))]]
    word = "is not" if gained <= 0 else "is" if low > 0 else "may be"
    numbers = f"{span(low, high)}, probability {chance(probability)}" if known else "interval unknown"
    sentence = (
        f"{over(scope.tasks)}, at {place(design.x, one.at)} {names[mine]} {word} ahead of both {of}: {points(gained)} "
        f"points of error against the better one, {best} ({numbers})."
    )
    runs = {run for arm in (mine, *parents) for run in one.runs[names[arm]]}
    return Claim(
        kind=KIND, factor=one.factor.name, arm=names[mine], other="; ".join(names[k] for k in parents),
        held=one.held, at=whole(one.at), sentence=led(one.held, sentence), number=100 * gained, unit="points",
        interval=in_points(low, high), probability=probability if known else None, status=status(low, high),
        covers=covers(one.n_seeds), runs=tuple(sorted(runs)),
    )  # fmt: skip


def mixtures_said(claims: list[Claim]) -> list[tuple[str, str, str]]:
    """As of `verdict`: which mixtures are ahead of all their parents."""
    mine = [claim for claim in claims if claim.kind == KIND and claim.number is not None]
    if not mine:
        return []
    sure = [claim for claim in mine if claim.status == "said" and claim.number is not None and claim.number > 0]
    numbers = [
        f"{led(claim.held, claim.arm)} {points((claim.number or 0) / 100)}"
        + (f" (probability {chance(claim.probability)})" if claim.probability is not None else "")
        for claim in mine
    ]
    short = ", ".join(claim.arm for claim in sure) or "none for sure"
    text = f"Points of error against the better parent: {'; '.join(numbers)}."
    return [("Which mixture is ahead of all its parents?", f"{capital(short)}.", text)]
