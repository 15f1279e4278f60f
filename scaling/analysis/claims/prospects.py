"""Claims that rest on arms' curves, and so reach beyond the sizes measured; see `replicate` for what they suppose."""

import numpy as np

from scaling.analysis.claims.arms import ONE_SEED, Arm, Arms
from scaling.analysis.claims.claim import Claim, Ends, Said, behind, chance, points, status
from scaling.analysis.claims.crossover import CLAIMED, FAR, NEAR, overtaken, share
from scaling.analysis.claims.differences import ALL_TASKS, better
from scaling.analysis.claims.twins import Twins
from scaling.analysis.curves.forms import Floats
from scaling.analysis.curves.observed import LEVEL, interval
from scaling.analysis.scores.scores import capital, thousands

OBJECTIVE = "Which objective?"
CROSSES = "Do the curves cross?"
STEEPER = "Does one objective gain more from data?"
DATA = "How much data?"
PAYS = "Does initialization pay?"
SHRINKS = "Does the benefit of initialization shrink with data?"
WORTH = "What is the advantage worth in clips?"
QUESTIONS = [OBJECTIVE, CROSSES, STEEPER, DATA, PAYS, SHRINKS, WORTH]
ALL = ALL_TASKS

LEAST = 0.01  # a benefit of initialization below one point of error is taken for none
_LEVEL = f"{100 * LEVEL:.0f} % interval"
_AHEAD = (2.0, 4.0, NEAR)  # times the largest size, at which a benefit is foretold


def prospects(found: Arms, twins: list[Twins]) -> list[Claim]:
    """Crossovers, exponents, multipliers and vanishing benefits of all twins, and what the next doubling buys."""
    claims = doublings(found)
    for two in twins:
        if two.pair.contrast == "objective":
            claims += [_crosses(two), *_steeper(two)]
        else:
            claims.append(_vanishes(two))
        claims += _worth(two)
    return claims


def _crosses(two: Twins) -> Claim:
    """Where one objective overtakes the other."""
    names, held = two.pair.labels, two.pair.held
    if two.why:
        return _open(two, CROSSES, "clips", f"whether {names[0]} and {names[1]} cross")
    at = two.crossover
    ahead, behind = names[at.ahead], names[1 - at.ahead]
    far, near = thousands(FAR * two.largest), thousands(NEAR * two.largest)
    said: Said = "said"
    if at.claimed:
        where = f"{_about(two, at.clips)} ({_range(two, at.low, at.high)})"
        sentence = f"{capital(held)}, {behind} overtakes {ahead} {where}."
    elif at.none_near >= CLAIMED:
        reach = f"{FAR:.0f} times the data ({far}" if at.none_far >= CLAIMED else f"{NEAR:.0f} times the data ({near}"
        none = at.none_far if at.none_far >= CLAIMED else at.none_near
        sentence = f"{capital(held)}, {ahead} stays ahead of {behind} up to {reach}; probability {chance(none)})."
    else:
        said = "cannot be said"
        sentence = (
            f"{capital(held)}, whether {behind} overtakes {ahead} cannot be said: probability "
            f"{chance(at.none_near)} that they do not cross within {NEAR:.0f} times the data, "
            f"{chance(at.none_far)} within {FAR:.0f} times ({_range(two, at.low, at.high)})."
        )
    number = at.clips if at.claimed and 0 < at.clips < np.inf else None
    chances = {
        "a crossover": at.probability, f"none within {NEAR:.0f} times the data": at.none_near,
        f"none within {FAR:.0f} times the data": at.none_far,
    }  # fmt: skip
    ends = _ends(at.low, at.high, FAR * two.largest)
    return _claim(two, CROSSES, sentence, number, "clips", ends, at.probability, said, chances)


def _steeper(two: Twins) -> list[Claim]:
    """The difference of exponents; what one seed cannot tell is said of the steepness within the data."""
    if two.why == ONE_SEED:
        return []
    names = two.pair.labels
    if two.why:
        return [_open(two, STEEPER, "exponent", f"whether the exponents of {names[0]} and {names[1]} differ")]
    drawn = two.found.exponents(two.other) - two.found.exponents(two.arm)
    number, (low, high) = float(np.median(drawn)), interval(drawn)
    said = status(low, high)
    larger, smaller, by, ends = names[1], names[0], number, (low, high)
    if behind(number, better(drawn)):
        larger, smaller, by, ends = names[0], names[1], -number, (-high, -low)
    if said == "said":
        text = f"the exponent of {larger} is larger than that of {smaller} by {by:.2f}"
    else:
        text = f"which exponent is larger cannot be said: {larger}’s minus {smaller}’s is {by:+.2f}"
    sentence = f"{capital(two.pair.held)}, {text} ({_LEVEL} {ends[0]:+.2f} to {ends[1]:+.2f})."
    sentence = sentence.replace("-", "−")
    return [_claim(two, STEEPER, sentence, number, "exponent", (low, high), better(drawn), said)]


def _worth(two: Twins) -> list[Claim]:
    """The effective-data multiplier at the largest size: how many times the clips the worse arm needs."""
    if two.why == ONE_SEED:
        return []  # told within the sizes, without a law
    names, held = two.pair.labels, capital(two.pair.held)
    if two.pair.contrast == "initialization":
        names, held = (_training(names[0]), _training(names[1])), f"For {two.pair.held}"
    if two.why:
        return [_open(two, WORTH, "times the clips", f"what the advantage of {names[0]} or {names[1]} is worth")]
    goal = [np.array([np.interp(np.log(two.largest), np.log(two.x), row) for row in ln]) for ln in two.ln]
    worse = int(np.median(goal[1] - goal[0]) > 0)
    times = overtaken(two.x, two.ln[worse] - goal[1 - worse][:, None]) / two.largest
    low, number, high = _quantiles(times)
    least = two.x[0] / two.largest
    said: Said = "said" if low > 1 else "cannot be said"
    of = {0: "as few as the smallest size holds", np.inf: f"over {FAR:.0f}"}
    words = [of.get(value, f"{value:.1f}" if value < 10 else f"{value:.2g}") for value in (low, number, high)]
    need = f"over {FAR:.0f} times" if number == np.inf else f"{words[1]} times"
    sentence = (
        f"{held}, by their curves {names[worse]} needs {need} the clips that {names[1 - worse]} has "
        f"with {thousands(two.largest)} for the same average error ({_LEVEL} {words[0]} to {words[2]})"
        f"{'.' if said == 'said' else ': too uncertain to say which needs more.'}"
    )
    finite = number if least <= number < np.inf else None
    return [_claim(two, WORTH, sentence, finite, "times the clips", _ends(low, high, FAR), share(times > 1), said)]


def _vanishes(two: Twins) -> Claim:
    """Where the benefit of initialization falls below `LEAST`, and the benefit as a function of size."""
    held, least = two.pair.held, f"{100 * LEAST:.0f} point"
    if two.why:
        return _open(two, SHRINKS, "clips", f"where the benefit of initialization falls below {least}")
    gain = np.exp(two.ln[1]) - np.exp(two.ln[0])
    fell = overtaken(two.x, gain - LEAST)
    low, number, high = _quantiles(fell)
    falls, stays = share(np.isfinite(fell)), share(fell > NEAR * two.largest)
    said: Said = "said" if max(falls, stays) >= CLAIMED else "cannot be said"
    if falls >= CLAIMED:
        text = f"falls below {least} {_about(two, number)} ({_range(two, low, high)})"
    elif stays >= CLAIMED:
        text = (
            f"stays above {least} up to {NEAR:.0f} times the data ({thousands(NEAR * two.largest)}; "
            f"probability {chance(stays)})"
        )
    else:
        text = (
            f"may fall below {least}: where cannot be said (within {FAR:.0f} times the data with probability "
            f"{chance(falls)}; {_range(two, low, high)})"
        )
    asked = np.concatenate([two.sizes, two.largest * np.array(_AHEAD)])
    arm, other = (np.exp(two.found.log_error(one, asked)) for one in (two.arm, two.other))
    along = tuple(
        (float(x), float(np.median(row)), *interval(row)) for x, row in zip(asked, 100 * (other - arm).T, strict=True)
    )
    ahead = along[-len(_AHEAD)]
    sentence = (
        f"For {held} the benefit of initialization {text}; at {thousands(ahead[0])} clips it would be "
        f"{points(ahead[1] / 100)} points ({_LEVEL} {points(ahead[2] / 100)} to {points(ahead[3] / 100)})."
    )
    chances = {f"below {least} within {FAR:.0f} times the data": falls,
               f"above {least} up to {NEAR:.0f} times the data": stays}  # fmt: skip
    where = number if falls >= CLAIMED and 0 < number < np.inf else None
    return _claim(
        two, SHRINKS, sentence, where, "clips", _ends(low, high, FAR * two.largest), falls, said, chances, along
    )


def _about(two: Twins, clips: float) -> str:
    if clips == 0:
        return f"at {thousands(two.sizes[0])} clips or fewer"
    beyond = f", {clips / two.largest:.1f} times the data" if clips > two.largest * 1.05 else ""
    return f"at about {_clips(clips)} clips{beyond}"


def _range(two: Twins, low: float, high: float) -> str:
    """An interval of sizes that is open where nothing is excluded."""
    if low == np.inf:
        return f"{_LEVEL}: beyond {_clips(FAR * two.largest)} clips"
    start = f"{thousands(two.sizes[0])} or less" if low == 0 else _clips(low)
    return f"{_LEVEL} {start} to {_clips(high)}" if high < np.inf else f"{_LEVEL}: from {start}, without an upper end"


def _open(two: Twins, question: str, unit: str, what: str) -> Claim:
    sentence = f"{capital(two.pair.held)}, {what} cannot be said: {two.why}."
    return _claim(two, question, sentence, None, unit, None, None, "cannot be said")


def _claim(
    two: Twins, question: str, sentence: str, number: float | None, unit: str, ends: Ends | None,
    probability: float | None, said: Said, chances: dict[str, float] | None = None,
    along: tuple[tuple[float, float, float, float], ...] = (),
) -> Claim:  # fmt: skip
    arm, other = two.pair.labels
    shared = set(two.arm.sizes) & set(two.other.sizes)
    evidence: dict[str, str | int] = {
        "arm": arm, "other": other, "held": two.pair.held, "scope": ALL, "clips": int(max(shared, default=0)),
        "scores": f"primary metrics of {two.found.tasks} tasks, averaged",
        "runs": " ".join(sorted({*two.arm.runs.split(), *two.other.runs.split()})),
    }  # fmt: skip
    covers = two.found.covers if not two.why else "nothing"
    about = f"{arm} v {other}; {two.pair.held}; {ALL}"
    return Claim(
        question, about, sentence, number, unit, ends, LEVEL, probability, covers, evidence, said, chances or {},
        along,
    )  # fmt: skip


def doublings(found: Arms) -> list[Claim]:
    """What twice the largest size buys each arm; one claim for all arms that share a reason why it cannot be said."""
    claims = []
    reasons: dict[str, list[Arm]] = {}
    for one in found.by_arm.values():
        if one.why:
            reasons.setdefault(one.why, []).append(one)
            continue
        largest = float(one.sizes[-1])
        now, then = np.exp(found.log_error(one, np.array([largest, 2 * largest]))).T
        drawn = now - then
        number, (low, high) = float(np.median(drawn)), interval(drawn)
        sentence = (
            f"{capital(one.name)}: the next doubling, to {thousands(2 * largest)} clips, would buy "
            f"{points(number)} points ({_LEVEL} {points(low)} to {points(high)})."
        )
        claims.append(
            Claim(
                DATA, f"{one.name}; the next doubling; {ALL}", sentence, 100 * number, "points",
                (100 * low, 100 * high), LEVEL, better(drawn), found.covers, _of([one], found), status(low, high),
            )
        )  # fmt: skip
    for why, those in reasons.items():
        names = "; ".join(one.name for one in those)
        sentence = f"What the next doubling buys {names} cannot be said: {why}."
        claims.append(
            Claim(DATA, f"{names}; the next doubling; {ALL}", sentence, None, "points", None, LEVEL, None, "nothing",
                  _of(those, found), "cannot be said")
        )  # fmt: skip
    return claims


def _of(those: list[Arm], found: Arms) -> dict[str, str | int]:
    largest = max((float(size) for one in those for size in one.sizes), default=0.0)
    return {
        "arm": "; ".join(one.name for one in those), "scope": ALL, "clips": int(largest),
        "scores": f"primary metrics of {found.tasks} tasks, averaged", "step": "next",
        "runs": " ".join(sorted({run for one in those for run in one.runs.split()})),
    }  # fmt: skip


def _quantiles(values: Floats) -> tuple[float, float, float]:
    """Low end, median and high end of numbers of which some are inf."""
    at = [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2]
    low, middle, high = np.quantile(values, at, method="inverted_cdf").tolist()
    return low, middle, high


def _ends(low: float, high: float, reach: float) -> Ends:
    """An interval with None where it is open; beyond `reach` nothing is told apart."""
    return (min(low, reach) if low > 0 else None, high if high < np.inf else None)


def _clips(clips: float) -> str:
    """A number of clips with two digits: more would claim a precision that a curve does not have."""
    return thousands(float(f"{clips:.2g}"))


def _training(label: str) -> str:
    return "training from scratch" if label == "from scratch" else f"the {label} encoder"
