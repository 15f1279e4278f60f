"""What a study with two axes says: which size is best for a compute, and how many passes a clip is worth."""

import numpy as np

from scaling.analysis.claims.claim import Claim, Ends, Said, chance, led, whole
from scaling.analysis.claims.two_axes import Plane
from scaling.analysis.curves.allocation import Cost, best_sizes
from scaling.analysis.curves.crossover import CLAIMED, share
from scaling.analysis.curves.observed import LEVEL, interval
from scaling.analysis.curves.repetition import Repetition, fresh
from scaling.analysis.curves.surface import Surface
from scaling.analysis.scores.words import place, plain, sized, two_digits, unit

_LEVEL = f"{100 * LEVEL:.0f} % interval"
_AHEAD = 10.0  # times the dearest run
_BEYOND = 1.05  # times the most data measured: less is no extrapolation
_SLACK = 1.05  # an interval's end within this of an end of what is possible excludes nothing there
_HALF = "worth half of a new one"


def surfaces(found: list[Plane]) -> list[Claim]:
    """The claims of all arms; one for all that share a reason why nothing can be said."""
    claims: list[Claim] = []
    reasons: dict[tuple[str, str, str], list[Plane]] = {}
    for one in found:
        if isinstance(one.law, Repetition):
            claims += [_passes(one, one.law), _fresh(one, one.law)]
        elif isinstance(one.law, Surface) and one.cost is not None:
            claims += _optima(one, one.law, one.cost)
        else:
            reasons.setdefault(_open_question(one), []).append(one)
    return claims + [_open(those, *why) for why, those in reasons.items()]


def _optima(one: Plane, law: Surface, cost: Cost) -> list[Claim]:
    """At the median and the largest compute of the runs, and beyond it as long as the best is not the largest size."""
    dearest = float(one.computes[-1])
    computes = {
        "what half of the runs cost at most": float(np.median(one.computes)),
        "what the dearest run cost": dearest,
        f"{_AHEAD:.0f} times the dearest run": _AHEAD * dearest,
    }
    claims: list[Claim] = []
    for which, compute in computes.items():
        claims.append(_optimum(one, law, cost, compute, which))
        if claims[-1].chances["largest"] >= CLAIMED:
            break  # more compute asks for no smaller one
    return claims


def _optimum(one: Plane, law: Surface, cost: Cost, compute: float, which: str) -> Claim:
    """The best size for a compute. An optimum at an end of the sizes measured is none: it may lie anywhere beyond."""
    sizes = best_sizes(law, cost, compute)
    smallest, largest = cost.sizes[[0, -1]]
    edges = {"smallest": share(sizes <= smallest), "largest": share(sizes >= largest)}
    number, (low, high) = float(np.median(sizes)), interval(sizes)
    digits, _, power = f"{compute:.1e}".partition("e")
    with_it = f"with {digits}e{int(power)} FLOPs ({which})"
    edge = max(edges, key=lambda name: edges[name])
    status: Said = "said"
    ends: Ends = (low if low > smallest else None, high if high < largest else None)
    if edges[edge] >= CLAIMED:
        status = "on the edge"
        text = (
            f"{with_it} the {edge} measured, {place(one.size, {'smallest': smallest, 'largest': largest}[edge])}, errs "
            f"least (probability {chance(edges[edge])}): the best lies on the edge of the sizes measured or beyond."
        )
    elif ends == (None, None) or number in (smallest, largest):
        status = "cannot be said"
        text = (
            f"which size errs least {with_it} cannot be said: {_LEVEL} {_range(one, low, high, smallest, largest)}; "
            f"the smallest with probability {chance(edges['smallest'])}, the largest {chance(edges['largest'])}."
        )
    else:
        data = float(cost.affordable(compute, np.array(number)))
        beyond = " (more than measured)" if data > _BEYOND * one.D.max() else ""
        text = (
            f"{with_it} {sized(one.size, two_digits(number))} and {sized(one.data, two_digits(data))}{beyond} err "
            f"least by the fitted surface ({_LEVEL} {_range(one, low, high, smallest, largest)})."
        )
    return _claim(
        one, "optimum", text, number if status == "said" else None, unit(one.size), ends, status,
        at=compute, chances=edges,
    )  # fmt: skip


def _range(one: Plane, low: float, high: float, smallest: float, largest: float) -> str:
    """An interval of sizes, open where it reaches an end of those measured."""
    start = f"{plain(smallest)} or less" if low <= smallest else two_digits(low)
    end = f"{sized(one.size, plain(largest))} or more" if high >= largest else sized(one.size, two_digits(high))
    return f"{start} to {end}"


def _passes(one: Plane, law: Repetition) -> Claim:
    """After how many passes a further one is worth half of as many new clips; beyond those measured it is not told."""
    drawn = law.half_worths()
    passes = np.unique(np.round(one.D / one.seen, 6))
    first, most = float(passes[passes > 1].min()), float(passes.max())
    number, (low, high) = float(np.median(drawn)), interval(drawn)
    more, less = share(drawn >= most), share(drawn <= first)
    status: Said = "said"
    ends: Ends = (low if low > first else None, high if high < most else None)
    if more >= CLAIMED:
        text = f"a clip seen again stays {_HALF} or more up to {_times(most)}, the most measured ({_with(more)})."
    elif less >= CLAIMED:
        text = f"a clip seen again is no longer {_HALF} at {_times(first)}, the fewest measured ({_with(less)})."
    elif ends == (None, None) or not first < number < most:
        status = "cannot be said"
        text = (
            f"up to how many passes a clip is {_HALF} cannot be said: up to {_times(most)}, the most measured, "
            f"{_with(more)}; less than {_times(first)}, the fewest, {_with(less)}."
        )
    else:
        start = f"{_digits(first)} or less" if ends[0] is None else _digits(low)
        end = f"{_digits(most)} or more" if ends[1] is None else _digits(high)
        text = f"a clip seen again is {_HALF} or more up to about {_times(number)} ({_LEVEL} {start} to {end})."
    inside = status == "said" and max(more, less) < CLAIMED
    return _claim(
        one, "worth", text, number if inside else None, "passes", ends, status,
        chances={"beyond_the_most": more, "below_the_fewest": less},
    )  # fmt: skip


def _fresh(one: Plane, law: Repetition) -> Claim:
    """How many new clips, seen once, those seen most often are worth."""
    at = int(np.argmax(one.D / one.seen))
    clips, samples = float(one.seen[at]), float(one.D[at])
    drawn = fresh(np.array(clips), np.array(samples), law.draws[:, 3])
    number, (low, high) = float(np.median(drawn)), interval(drawn)
    status: Said = "cannot be said" if low <= _SLACK * clips and high >= samples / _SLACK else "said"
    text = (
        f"{sized(one.size, plain(clips))} seen {_digits(samples / clips)} times are worth about {two_digits(number)} "
        f"seen once ({_LEVEL} {two_digits(low)} to {two_digits(high)})"
        f"{'.' if status == 'said' else ': too uncertain to say.'}"
    )
    return _claim(one, "worth", text, number, unit(one.size), (low, high), status, at=clips)


def _times(passes: float) -> str:
    return f"{_digits(passes)} passes"


def _digits(passes: float) -> str:
    return f"{passes:.2g}" if passes < 100 else two_digits(passes)


def _with(probability: float) -> str:
    return f"probability {chance(probability)}"


def _open_question(one: Plane) -> tuple[str, str, str]:
    """Kind, question and reason of an arm of which nothing can be said."""
    if one.repeats:
        return "worth", f"up to how many passes a clip is {_HALF}", one.why
    return "optimum", "which size is best for a compute", one.why or one.why_no_cost


def _open(those: list[Plane], kind: str, question: str, why: str) -> Claim:
    names = "; ".join(one.arm.name for one in those if one.arm.levels)
    return Claim(
        kind=kind, arm=names, sentence=led(names, f"{question} cannot be said: {why}."), number=None,
        unit="passes" if kind == "worth" else unit(those[0].size), status="cannot be said",
        covers="nothing", runs=tuple(sorted({run for one in those for run in one.runs})),
    )  # fmt: skip


def _claim(
    one: Plane, kind: str, text: str, number: float | None, of: str, ends: Ends, status: Said, *,
    at: float | None = None, chances: dict[str, float] | None = None,
) -> Claim:  # fmt: skip
    name = one.arm.name if one.arm.levels else ""
    return Claim(
        kind=kind, arm=name, at=None if at is None else whole(at), sentence=led(name, text), number=number, unit=of,
        interval=None if ends == (None, None) else ends, chances=chances or {}, status=status, covers=one.covers,
        runs=one.runs,
    )  # fmt: skip
