"""The study's questions answered in sentences, each with its number, interval and probability, or left open."""

from typing import Any

import numpy as np
import polars as pl

from scaling.analysis.claims.arms import Arms, arms
from scaling.analysis.claims.beyond import ALL, DATA, OBJECTIVE, PAYS, QUESTIONS, SHRINKS, STEEPER, WORTH, prospects
from scaling.analysis.claims.claim import Claim, behind, chance, covers, in_points, over, percent, points, span, status
from scaling.analysis.claims.differences import PAIR, Differences, better, differences
from scaling.analysis.claims.twins import Twins, twins
from scaling.analysis.curves.fit import LEVEL, Floats, interval
from scaling.analysis.scores.resamples import Draws, draw
from scaling.analysis.scores.scores import ARM, arm_names, capital, primary, thousands


def claims(scores: pl.DataFrame, predictions: pl.DataFrame) -> list[Claim]:
    """All claims of a study (scores as from `read_scores`, predictions as from `read_predictions`).

    Raises:
        StudyError: one curve would mix protocols.
    """
    draws = draw(scores, predictions)
    found = arms(draws)
    return claims_from(draws, differences(draws), found, twins(found, draws.cells))


def claims_from(draws: Draws, diffs: Differences, by_arm: Arms, two_arms: list[Twins]) -> list[Claim]:
    """As `claims`, from what is there already."""
    found = _data(draws)
    ahead = prospects(by_arm, two_arms)
    told = {(claim.question, claim.about) for claim in ahead}
    averages = diffs.table.filter(pl.col("kind") == "average")
    for pair in averages.partition_by(PAIR, maintain_order=True):
        objective = pair["contrast"][0] == "objective"
        sizes = pair["clips"].unique().sort()
        # Averaged over all tasks at each size; over parts of them only where it matters most.
        ends = [sizes[-1]] if objective else [sizes[0], sizes[-1]]
        asked = pair.filter((pl.col("scope") == ALL) | pl.col("clips").is_in(ends))
        found += [_at_size(row) for row in asked.iter_rows(named=True)]
        overall = pair.filter(pl.col("scope") == ALL).sort("clips")
        # An average over other tasks at another size is another quantity: no trend between the two.
        if overall.height > 1 and overall["n_tasks"].n_unique() == 1 and overall["low"].is_finite().all():
            x, y = diffs.arm_draws[overall["row"]], diffs.other_draws[overall["row"]]
            found.append(_steeper(overall, x, y) if objective else _shrinks(overall, x, y))
            # What curves tell of the worth in clips, they tell better than lines between sizes.
            if (WORTH, (one := _worth(overall, x, y)).about) not in told:
                found.append(one)
    return sorted(found + ahead, key=lambda claim: QUESTIONS.index(claim.question))


def _evidence(rows: pl.DataFrame, clips: int, scope: str) -> dict[str, str | int]:
    first = rows.row(0, named=True)
    names = {key: str(first[key]) for key in ("arm", "other", "held")}
    runs = sorted({run for line in rows["runs"] for run in line.split()})
    return {**names, "scope": scope, "clips": clips, "scores": "primary metrics", "runs": " ".join(runs)}


def _at_size(row: dict[str, Any]) -> Claim:
    """The difference at one size."""
    objective = row["contrast"] == "objective"
    about = f"{row['arm']} v {row['other']}; {row['held']}; {row['scope']}"
    probability = row["probability"] if np.isfinite(row["probability"]) else None
    evidence = _evidence(pl.DataFrame([row]), row["clips"], row["scope"])
    return Claim(
        OBJECTIVE if objective else PAYS, about, _at_size_sentence(row, probability), 100 * row["difference"], "points",
        in_points(row["low"], row["high"]), LEVEL, probability, covers(row["n_seeds"]), evidence,
        status(row["low"], row["high"]),
    )  # fmt: skip


def _at_size_sentence(row: dict[str, Any], probability: float | None) -> str:
    """The probably better arm comes first; numbers, which keep the pair's order in the claim, are turned with it."""
    names, errors = (row["arm"], row["other"]), (row["error_arm"], row["error_other"])
    difference, low, high = row["difference"], row["low"], row["high"]
    if behind(difference, probability):
        names, errors = names[::-1], errors[::-1]
        difference, low, high = -difference, -high, -low
        probability = None if probability is None else 1 - probability
    held, tasks = row["held"], over(row["n_tasks"], "" if row["scope"] == ALL else row["scope"])
    subject = f"{names[0]} ({held})" if row["contrast"] == "objective" else f"{held} ({names[0]})"
    sentence = (
        f"At {thousands(row['clips'])} clips, {tasks}, {subject} errs in {percent(errors[0])}, "
        f"{names[1]} in {percent(errors[1])}: "
    )
    if probability is None:
        return sentence + "without predictions the noise is unknown, so this cannot be said to be a difference."
    close = "" if status(low, high) == "said" else ", too close to call"
    return sentence + (
        f"a difference of {points(difference)} points ({span(low, high)}; {names[0]} better with probability "
        f"{chance(probability)}){close}."
    )


def _steeper(rows: pl.DataFrame, x: Floats, y: Floats) -> Claim:
    """Average steepness within the data. Not an exponent, which few sizes and one seed cannot give.

    The sentence names the steeper arm first; the claim's number is always `other`'s fall minus `arm`'s.
    """
    first, last = rows.row(0, named=True), rows.row(-1, named=True)
    tenfolds = np.log10(last["clips"] / first["clips"])

    def per_tenfold(small: Floats, large: Floats) -> Floats:
        ratio = np.maximum(large, 1e-9) / np.maximum(small, 1e-9)
        return np.asarray(100 * (1 - ratio ** (1 / tenfolds)))

    arm, other = (float(per_tenfold(np.array(first[key]), np.array(last[key]))) for key in ("error_arm", "error_other"))
    drawn = per_tenfold(y[0], y[-1]) - per_tenfold(x[0], x[-1])
    low, high = interval(drawn)
    seeds = int(rows["n_seeds"].to_numpy().min())
    steeper, flatter, ends = (last["other"], other), (last["arm"], arm), (low, high)
    if behind(other - arm, better(drawn)):
        steeper, flatter, ends = flatter, steeper, (-high, -low)
    sentence = (
        f"{capital(last['held'])}, between {thousands(first['clips'])} and {thousands(last['clips'])} clips "
        f"the average error falls by {steeper[1]:.1f} % per tenfold data for {steeper[0]} and by {flatter[1]:.1f} % "
        f"for {flatter[0]} ({100 * LEVEL:.0f} % interval of the difference {ends[0]:+.1f} to {ends[1]:+.1f})."
    ).replace("-", "−")
    if seeds == 1:
        sentence += (
            f" Whether one scales better cannot be said: {rows.height} sizes with one seed cannot establish "
            "a difference of exponents."
        )
    return Claim(
        STEEPER, f"{last['other']} v {last['arm']}; {last['held']}; {ALL}", sentence, other - arm,
        "percent per tenfold", (low, high), LEVEL, better(drawn), covers(seeds),
        _evidence(rows, last["clips"], ALL), "cannot be said" if seeds == 1 else status(low, high),
    )  # fmt: skip


def _shrinks(rows: pl.DataFrame, x: Floats, y: Floats) -> Claim:
    """How the benefit of initialization changes between the smallest and the largest size."""
    first, last = rows.row(0, named=True), rows.row(-1, named=True)
    number, drawn = first["difference"] - last["difference"], (y[0] - x[0]) - (y[-1] - x[-1])
    low, high = interval(drawn)
    said = status(low, high)
    verb = "changes" if said == "cannot be said" else "shrinks" if number > 0 else "grows"
    sentence = (
        f"For {last['held']} the benefit of initialization {verb} from {points(first['difference'])} points at "
        f"{thousands(first['clips'])} clips to {points(last['difference'])} at {thousands(last['clips'])} "
        f"(a shrinkage of {points(number)}, {span(low, high)}; probability that it shrinks "
        f"{chance(better(drawn))}){'' if said == 'said' else ', too close to call'}."
    )
    return Claim(
        SHRINKS, f"{last['arm']} v {last['other']}; {last['held']}; {ALL}", sentence, 100 * number, "points",
        in_points(low, high), LEVEL, better(drawn), covers(int(rows["n_seeds"].to_numpy().min())),
        _evidence(rows, last["clips"], ALL), said,
    )  # fmt: skip


def _worth(rows: pl.DataFrame, x: Floats, y: Floats) -> Claim:
    """The advantage in clips: of objectives at the largest size, of an initialization at the smallest."""
    objective = rows["contrast"][0] == "objective"
    at = -1 if objective else 0
    row = rows.row(at, named=True)
    sizes = rows["clips"].to_numpy().astype(np.float64)
    errors = {True: (rows["error_arm"].to_numpy(), x), False: (rows["error_other"].to_numpy(), y)}
    ahead = row["difference"] >= 0
    # An objective's advantage: the fewer clips that the better needs. A start's: the more that the worse needs.
    (point, drawn), (goal, goals) = errors[ahead == objective], errors[ahead != objective]
    number = float(_clips_for(sizes, point[None], goal[[at]])[0])
    low, high = interval(_clips_for(sizes, drawn.T, goals[at]))
    names = (row["arm"], row["other"]) if ahead else (row["other"], row["arm"])
    seeker, model = names if objective else names[::-1]
    first = f"{capital(row['held'])}{',' if objective else ''} {seeker}"
    whose = f"that {model} has with {thousands(row['clips'])}"
    if not objective:
        whose = f"that it has with {thousands(row['clips'])} when {model.replace('from', 'trained from')}"
    # What rounds to the edge is told as the edge: beyond it nothing was measured.
    number, low, high = (_two_digits(clips, sizes) for clips in (number, low, high))
    edge = "at most " if number <= sizes[0] else "at least " if number >= sizes[-1] else "about "
    ends = list(dict.fromkeys(_within(end, sizes) for end in (low, high)))
    certain = row["low"] > 0 or row["high"] < 0
    said = certain and not (low <= sizes[0] and high >= sizes[-1])
    sentence = (
        f"{first} needs {edge}{thousands(number)} clips ({100 * LEVEL:.0f} % interval {' to '.join(ends)}) for "
        f"the average error {whose}{'' if said else ': too uncertain to say'}."
    )
    return Claim(
        WORTH, f"{row['arm']} v {row['other']}; {row['held']}; {ALL}", sentence, number, "clips", (low, high),
        LEVEL, None, covers(int(rows["n_seeds"].to_numpy().min())), _evidence(rows, row["clips"], ALL),
        "said" if said else "cannot be said",
    )  # fmt: skip


def _within(clips: float, sizes: Floats) -> str:
    """An end of an interval; at an edge of the sizes it may lie beyond."""
    beyond = " or less" if clips <= sizes[0] else " or more" if clips >= sizes[-1] else ""
    return thousands(clips) + beyond


def _two_digits(clips: float, sizes: Floats) -> float:
    """More digits would claim a precision that an interpolation does not have; what rounds to an edge is the edge."""
    rounded, smallest, largest = (float(f"{value:.2g}") for value in (clips, sizes[0], sizes[-1]))
    if smallest < rounded < largest:
        return rounded
    return float(sizes[0] if rounded <= smallest else sizes[-1])


def _clips_for(sizes: Floats, errors: Floats, goal: Floats) -> Floats:
    """(n,), (b, n), (b,) -> (b,) clips at which a piecewise power law meets the goal, within the sizes."""
    falling = np.log(np.maximum(np.minimum.accumulate(errors, axis=1), 1e-9))
    wanted = np.log(np.maximum(goal, 1e-9))
    log = np.log(sizes)
    return np.exp([np.interp(-g, -line, log) for g, line in zip(wanted, falling, strict=True)])


def _data(draws: Draws) -> list[Claim]:
    """What all the data, and the last step of it, brought each arm."""
    found = []
    cells = draws.cells.filter(primary())
    for arm, name in arm_names(cells).items():
        mine = cells.filter(pl.struct(ARM) == dict(zip(ARM, arm, strict=True)))
        sizes = mine["clips"].unique().sort().to_list()
        known = np.isfinite(draws.errors[mine["row"]]).all(axis=1)
        mine = mine.filter(pl.Series(known))
        mine = mine.filter(pl.len().over("task") == len(sizes)).sort("clips", "task")
        n = mine["task"].n_unique()
        if n == 0 or len(sizes) < 2:
            continue
        shape = (len(sizes), n)
        error = mine["raw"].to_numpy().reshape(shape).mean(axis=1)
        drawn = draws.errors[mine["row"]].reshape(*shape, -1).mean(axis=1)
        total, last = drawn[0] - drawn[-1], drawn[-2] - drawn[-1]
        low, high = interval(last)
        said = status(low, high)
        sentence = (
            f"{capital(name)}: from {thousands(sizes[0])} to {thousands(sizes[-1])} clips the error "
            f"{over(n)} goes from {percent(error[0])} to {percent(error[-1])} (a gain of "
            f"{points(error[0] - error[-1])} points, {span(*interval(total))}); the last step, from "
            f"{thousands(sizes[-2])} clips, brought {points(error[-2] - error[-1])} ({span(low, high)}; "
            f"probability of a gain {chance(better(last))}){'' if said == 'said' else ', too close to call'}."
        )
        runs = sorted({run for line in mine["runs"] for run in line})
        found.append(
            Claim(
                DATA, f"{name}; {ALL}", sentence, 100 * float(error[-2] - error[-1]), "points",
                in_points(low, high), LEVEL, better(last), covers(int(mine["n_seeds"].to_numpy().min())),
                {"arm": name, "scope": ALL, "clips": sizes[-1], "scores": "primary metrics", "runs": " ".join(runs)},
                said,
            )
        )  # fmt: skip
    return found
