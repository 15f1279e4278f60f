"""Claims that rest on arms' curves, and so reach beyond the sizes measured; see `replicate` for what they suppose."""

from typing import Any

import numpy as np

from scaling.analysis.claims.averages import ONE_SEED, Average, Averages
from scaling.analysis.claims.claim import Claim, Ends, Said, behind, chance, led, points, status, whole
from scaling.analysis.claims.differences import better
from scaling.analysis.claims.evidence import Evidence
from scaling.analysis.claims.twins import Twins
from scaling.analysis.curves.crossover import CLAIMED, FAR, NEAR, STAYS, overtaken, share
from scaling.analysis.curves.forms import Floats
from scaling.analysis.curves.observed import LEVEL, interval
from scaling.analysis.scores.design import Axis
from scaling.analysis.scores.words import place, sized, tenfold, thousands, two_digits, unit

LEAST = 0.01  # an advantage below one point of error is taken for none
_LEVEL = f"{100 * LEVEL:.0f} % interval"
_AHEAD = (2.0, 4.0, NEAR)  # times the largest size, at which an advantage is foretold


def prospects(known: Evidence) -> list[Claim]:
    """Crossovers, exponents, multipliers and vanishing advantages of all twins, and what the next doubling buys."""
    axis = known.design.x
    claims = _doublings(known.averages, axis)
    for two in known.twins:
        claims += [_crosses(two, axis), *_steeper(two), *_worth(two, axis), _vanishes(two, axis)]
    return claims


def _crosses(two: Twins, axis: Axis) -> Claim:
    """Where one arm overtakes the other."""
    names = two.pair.labels
    if two.why:
        return _open(two, "crossover", unit(axis), f"whether {names[0]} and {names[1]} cross")
    at = two.crossover
    ahead, behind = names[at.ahead], names[1 - at.ahead]
    leads, follows = names[at.leads], names[1 - at.leads]
    said: Said = "said"
    if at.claimed:
        text = f"{behind} would overtake {ahead} {_about(two, at.at, axis)} ({_range(two, at.low, at.high, axis)})"
        stays = f" and stay ahead up to {tenfold(axis, NEAR)} (probability {chance(at.none_near)})"
        text += f"{stays if at.leads != at.ahead and at.none_near >= STAYS else ''}."
    elif at.none_near >= STAYS:
        times, none = (FAR, at.none_far) if at.none_far >= STAYS else (NEAR, at.none_near)
        text = (
            f"{leads} would stay ahead of {follows} up to {tenfold(axis, times)} ({thousands(times * two.largest)}; "
            f"probability {chance(none)})."
        )
    else:
        said = "cannot be said"
        text = (
            f"whether {follows} would overtake {leads} cannot be said: probability {chance(at.none_near)} that "
            f"{leads} would stay ahead up to {tenfold(axis, NEAR)}, {chance(at.none_far)} up to {FAR:.0f} times."
        )
    return _claim(
        two, kind="crossover", sentence=led(two.pair.held, text), status=said, unit=unit(axis),
        number=at.at if at.claimed and 0 < at.at < np.inf else None, probability=at.probability,
        interval=_ends(at.low, at.high, FAR * two.largest),
        chances={
            "crossover": at.probability, f"none_within_{NEAR:.0f}": at.none_near, f"none_within_{FAR:.0f}": at.none_far,
        },
    )  # fmt: skip


def _steeper(two: Twins) -> list[Claim]:
    """The difference of exponents; what one seed cannot tell is said of the steepness within the data."""
    if two.why == ONE_SEED:
        return []
    names = two.pair.labels
    why = two.why or two.found.lawless(two.arm) or two.found.lawless(two.other)
    if why:
        return [_open(two, "steeper", "exponent", f"whether the exponents of {names[0]} and {names[1]} differ", why)]
    drawn = two.found.exponents_apart(two.arm, two.other)
    number, (low, high) = float(np.median(drawn)), interval(drawn)
    said = status(low, high)
    larger, smaller, by, ends = names[1], names[0], number, (low, high)
    if behind(number, better(drawn)):
        larger, smaller, by, ends = names[0], names[1], -number, (-high, -low)
    if said == "said":
        text = f"the exponent of {larger} is larger than that of {smaller} by {by:.2f}"
    else:
        text = f"which exponent is larger cannot be said: that of {larger} minus that of {smaller} is {by:+.2f}"
    sentence = led(two.pair.held, f"{text} ({_LEVEL} {ends[0]:+.2f} to {ends[1]:+.2f}).".replace("-", "−"))
    return [
        _claim(
            two, kind="steeper", sentence=sentence, number=number, unit="exponent", interval=(low, high),
            probability=better(drawn), status=said,
        )
    ]  # fmt: skip


def _worth(two: Twins, axis: Axis) -> list[Claim]:
    """The multiplier at the largest size: how many times as much of the axis the worse arm needs."""
    if two.why == ONE_SEED:
        return []  # told within the sizes, without a law
    names, times_the = two.pair.labels, f"times the {unit(axis)}"
    if two.why:
        return [_open(two, "worth", times_the, f"what the advantage of {names[0]} or {names[1]} is worth")]
    goal = [np.array([np.interp(np.log(two.largest), np.log(two.x), row) for row in ln]) for ln in two.ln]
    worse = int(np.median(goal[1] - goal[0]) > 0)
    times = overtaken(two.x, two.ln[worse] - goal[1 - worse][:, None]) / two.largest
    low, number, high = _quantiles(times)
    least = two.x[0] / two.largest
    said: Said = "said" if low > 1 else "cannot be said"
    of = {0: "as few as the smallest size holds", np.inf: f"over {FAR:.0f}"}
    words = [of.get(value, f"{value:.1f}" if value < 10 else f"{value:.2g}") for value in (low, number, high)]
    need = f"over {FAR:.0f}" if number == np.inf else words[1]
    text = (
        f"by their curves {names[worse]} would need {need} {times_the} for the average error of {names[1 - worse]} "
        f"with {thousands(two.largest)} ({_LEVEL} {words[0]} to {words[2]})"
        f"{'.' if said == 'said' else ': too uncertain to say which needs more.'}"
    )
    return [
        _claim(
            two, kind="worth", sentence=led(two.pair.held, text), number=number if least <= number < np.inf else None,
            unit=times_the, interval=_ends(low, high, FAR), probability=share(times > 1), status=said,
        )
    ]  # fmt: skip


def _vanishes(two: Twins, axis: Axis) -> Claim:
    """Where an advantage falls below `LEAST`, and the advantage as a function of size.

    With a baseline the advantage is the level's, else that of the arm ahead at the smallest size; what is told along
    the axis is always `arm`'s.
    """
    least = f"{100 * LEAST:.0f} point"
    if two.why:
        of = " over ".join(two.pair.labels)
        return _open(two, "shrinks", unit(axis), f"where the advantage of {of} falls below {least}")
    sign = -1 if not two.pair.baseline and two.crossover.ahead else 1
    names = two.pair.labels[::sign]
    gain = sign * (np.exp(two.ln[1]) - np.exp(two.ln[0]))
    fell = overtaken(two.x, gain - LEAST)
    low, number, high = _quantiles(fell)
    falls, stays = share(np.isfinite(fell)), share(fell > NEAR * two.largest)
    if falls >= CLAIMED:
        text = f"falls below {least} {_about(two, number, axis)} ({_range(two, low, high, axis)})"
    elif stays >= CLAIMED:
        text = (
            f"stays above {least} up to {tenfold(axis, NEAR)} ({thousands(NEAR * two.largest)}; "
            f"probability {chance(stays)})"
        )
    else:
        text = (
            f"may fall below {least}: where cannot be said (within {tenfold(axis, FAR)} with probability "
            f"{chance(falls)}; {_range(two, low, high, axis)})"
        )
    asked = np.concatenate([two.sizes, two.largest * np.array(_AHEAD)])
    arm, other = np.exp(two.log_error(asked))
    along = tuple(
        (float(x), float(np.median(row)), *interval(row)) for x, row in zip(asked, 100 * (other - arm).T, strict=True)
    )
    where, ahead, *ends = along[-len(_AHEAD)]
    span = " to ".join(points(sign * end / 100) for end in ends[::sign])
    text = (
        f"the advantage of {names[0]} over {names[1]} {text}; at {place(axis, where)} it would be "
        f"{points(sign * ahead / 100)} points ({_LEVEL} {span})."
    )
    return _claim(
        two, kind="shrinks", sentence=led(two.pair.held, text), unit=unit(axis), probability=falls, along=along,
        number=number if falls >= CLAIMED and 0 < number < np.inf else None,
        interval=_ends(low, high, FAR * two.largest),
        status="said" if max(falls, stays) >= CLAIMED else "cannot be said",
        chances={
            f"below_{100 * LEAST:.0f}_point_within_{FAR:.0f}": falls,
            f"above_{100 * LEAST:.0f}_point_up_to_{NEAR:.0f}": stays,
        },
    )  # fmt: skip


def _about(two: Twins, size: float, axis: Axis) -> str:
    if size == 0:
        return f"at {place(axis, float(two.sizes[0]))} or fewer"
    beyond = f", {size / two.largest:.1f} times the largest size" if size > two.largest * 1.05 else ""
    return f"at {sized(axis, f'about {two_digits(size)}')}{beyond}"


def _range(two: Twins, low: float, high: float, axis: Axis) -> str:
    """An interval of sizes that is open where nothing is excluded."""
    if low == np.inf:
        return f"{_LEVEL}: beyond {sized(axis, two_digits(FAR * two.largest))}"
    start = f"{thousands(two.sizes[0])} or less" if low == 0 else two_digits(low)
    if high < np.inf:
        return f"{_LEVEL} {start} to {two_digits(high)}"
    return f"{_LEVEL}: from {start}, without an upper end"


def _open(two: Twins, kind: str, counted: str, what: str, why: str = "") -> Claim:
    sentence = led(two.pair.held, f"{what} cannot be said: {why or two.why}.")
    return _claim(two, kind=kind, sentence=sentence, number=None, unit=counted, status="cannot be said")


def _claim(two: Twins, **told: Any) -> Claim:
    """A claim about two curves: what is `told`, and whom it is about."""
    arm, other = two.pair.labels
    shared = set(two.arm.sizes) & set(two.other.sizes)
    return Claim(
        factor=two.pair.factor, arm=arm, other=other, held=two.pair.held, at=whole(max(shared)) if shared else None,
        covers=two.found.covers if not two.why else "nothing", runs=tuple(sorted({*two.arm.runs, *two.other.runs})),
        **told,
    )  # fmt: skip


def _doublings(found: Averages, axis: Axis) -> list[Claim]:
    """What twice the largest size buys each arm; one claim for all arms that share a reason why it cannot be said."""
    claims = []
    reasons: dict[str, list[Average]] = {}
    for one in found.of.values():
        if one.why:
            reasons.setdefault(one.why, []).append(one)
            continue
        largest = float(one.sizes[-1])
        now, then = np.exp(found.doubling(one))
        drawn = now - then
        number, (low, high) = float(np.median(drawn)), interval(drawn)
        text = (
            f"the next doubling, to {place(axis, 2 * largest)}, would buy {points(number)} points "
            f"({_LEVEL} {points(low)} to {points(high)})."
        )
        claims.append(
            Claim(
                kind="doubling", arm=one.name, at=whole(largest), sentence=led(one.name, text), number=100 * number,
                unit="points", interval=(100 * low, 100 * high), probability=better(drawn), covers=found.covers,
                runs=one.runs, status=status(low, high),
            )
        )  # fmt: skip
    for why, those in reasons.items():
        names = "; ".join(one.name for one in those)
        sizes = [float(size) for one in those for size in one.sizes]
        claims.append(
            Claim(
                kind="doubling", arm=names, at=whole(max(sizes)) if sizes else None,
                sentence=f"What the next doubling buys {names} cannot be said: {why}.", number=None, unit="points",
                covers="nothing", runs=tuple(sorted({run for one in those for run in one.runs})),
                status="cannot be said",
            )
        )  # fmt: skip
    return claims


def _quantiles(values: Floats) -> tuple[float, float, float]:
    """Low end, median and high end of numbers of which some are inf."""
    at = [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2]
    low, middle, high = np.quantile(values, at, method="inverted_cdf").tolist()
    return low, middle, high


def _ends(low: float, high: float, reach: float) -> Ends:
    """An interval with None where it is open; beyond `reach` nothing is told apart."""
    return (min(low, reach) if low > 0 else None, high if high < np.inf else None)
