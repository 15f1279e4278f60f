"""Tables of what else is asked of a study: decisions, tasks, compute, losses and runs of equal compute."""

from typing import Any

import numpy as np

from scaling.analysis.claims.claim import Claim, chance, percent, points
from scaling.analysis.claims.compute import NAMES, Gain, amount
from scaling.analysis.claims.evidence import Evidence
from scaling.analysis.claims.isoflops import optimum_interval
from scaling.analysis.claims.questions import FURTHER
from scaling.analysis.curves.curve import BEYOND
from scaling.analysis.curves.observed import LEVEL, Interval
from scaling.analysis.scores.words import capital, place, plain, power, two_digits

MOST_ROWS = 40
_LEVEL = f"{100 * LEVEL:.0f} %"


Cell = dict[str, Any]
Rows = list[tuple[str, list[Cell]]]


def further(known: Evidence, claims: list[Claim]) -> list[dict[str, Any]]:
    """The tables, each with its question as `title`, a sentence `lead`, `head` (of the columns, the rows' names first),
    `rows` (name, cells) and `more` (what does not stand in it); those alone that the study has the runs for."""
    made = (_decisions(known), _tasks(known), _weighed(known), _compute(known), _stages(known, claims), _isoflop(known))
    return [_cut(one) for one in made if one is not None]


_Table = tuple[str, str, list[str], Rows]


def _cut(one: _Table) -> dict[str, Any]:
    title, lead, head, rows = one
    left = len(rows) - MOST_ROWS
    more = f"The other {left:,} rows stand in claims.json." if left > 0 else ""
    return {"title": title, "lead": lead, "head": head, "rows": rows[:MOST_ROWS], "more": more}


def _cell(text: str, below: str = "", open_: bool = False) -> Cell:
    """What stands in a table: a text, what stands small below it, and whether it is open (not said)."""
    return {"text": text, "below": below, "open": open_}


def _decisions(known: Evidence) -> _Table | None:
    found, axis = known.decisions, known.design.x
    if not found.at:
        return None
    rows: Rows = []
    for one in found.at:
        low, high = (100 * end for end in one.interval)
        right, asked = one.average
        rows.append((plain(one.x), [
            _cell(f"{100 * one.share:.0f} %", f"{low:.0f} to {high:.0f}" if one.weight else "", one.interval[0] <= 0.5),
            _cell(f"{plain(one.right)} of {one.asked:,}"), _cell(f"{plain(right)} of {asked}" if asked else "–"),
            _cell(chance(1 - one.below(0.8)) if one.weight else "unknown"),
        ]))  # fmt: skip
    lead = (
        f"How many pairs of the {found.n_arms} arms are ordered, task by task, as with "
        f"{place(axis, found.largest)} (decision accuracy), with {_LEVEL} intervals for other tasks, seeds and test "
        "clips; beside it the same of the average over tasks."
    )
    head = [
        axis.name,
        "ordered as at the largest",
        "pairs, task by task",
        "of the average",
        "probability of 80 % or more",
    ]
    return FURTHER["decision"], lead, head, rows


def _tasks(known: Evidence) -> _Table | None:
    if not known.signals:
        return None
    total = sum(one.weight for one in known.signals)
    rows: Rows = []
    for one in sorted(known.signals, key=lambda one: -one.ratio):
        low, high = one.interval
        right, asked = known.decisions.by_task.get(one.task, (0.0, 0))
        share = 100 * one.weight / total if total else 0.0
        rows.append((one.task, [
            _cell(f"{100 * one.signal:.1f} %"), _cell(f"{100 * one.noise:.1f} %"),
            _cell(f"{one.ratio:.1f}", f"{low:.1f} to {high:.1f}", low <= 0), _cell(f"{share:.0f} %"),
            _cell(f"{plain(right)} of {asked:,}" if asked else "–"),
        ]))  # fmt: skip
    several = min(one.n_seeds for one in known.signals) > 1
    lead = (
        f"How far the arms’ errors lie apart (signal), and how far they would from other "
        f"{'seeds and test clips' if several else 'test clips'} alone (noise), both as standard deviations in percent "
        "of the error. The weight is the share of the spread that is no noise, in percent of all tasks’."
    )
    if not several:
        lead += " With one seed the noise of seeds is unknown, and these ratios are too high by it."
    head = ["task", "signal", "noise", "signal to noise", "weight", "pairs ordered as at the largest"]
    return FURTHER["signal"], lead, head, rows


def _weighed(known: Evidence) -> _Table | None:
    if not known.weighed:
        return None
    rows: Rows = []
    for one in known.weighed:
        cells = []
        for number, low, high in (one.plain, one.weighed):
            unknown = not np.isfinite(low)
            below = "noise unknown" if unknown else f"{points(low)} to {points(high)}"
            cells.append(_cell(points(number), below, unknown or low <= 0 <= high))
        rows.append((_pair(one.pair.name, one.pair.held), cells))
    lead = (
        f"Differences at the largest size in points of error, {_LEVEL} interval below: averaged plainly, as everywhere "
        "else on this page, and weighed by the tasks’ weights above."
    )
    return "Does the answer hang on tasks that tell little?", lead, ["pair", "plain average", "weighed average"], rows


def _compute(known: Evidence) -> _Table | None:
    if not known.gains:
        return None
    of, counted = NAMES[known.gains[0].unit]
    rows: Rows = [
        (_pair(one.pair.name, one.pair.held), [_gain(one), _cell(chance(one.probability)), _cell(amount(one))])
        for one in known.gains
    ]
    lead = (
        f"How many times less {of} the first of a pair needs than the second for one average error: that which the one "
        f"that errs more reaches with what its largest run cost. {_LEVEL} interval below; above 1 the first needs less."
    )
    head = ["pair", f"times less {of}", "probability that it needs less", f"{counted} of that run"]
    return f"What is an advantage worth in {of}?", lead, head, rows


def _gain(one: Gain) -> Cell:
    """How many times less, with its interval; what lies beyond the smallest run is told as such."""
    if one.number == np.inf or one.number <= 0:
        return _cell(f"over {_times(one.most)}" if one.number else f"under {_times(1 / one.most)}", "beyond the sizes")
    ends = f"{_times(one.low)} to {_times(one.high)}"
    if one.high == np.inf:
        ends = f"{_times(one.low)} or more" if one.low > 0 else "open at both ends"
    elif one.low == 0:
        ends = f"{_times(one.high)} or less"
    return _cell(_times(one.number), ends, one.low <= 1 <= one.high)


def _stages(known: Evidence, claims: list[Claim]) -> _Table | None:
    found = known.stages
    if not found.arms:
        return None
    largest = max(float(one.x[-1]) for one in found.arms)
    rows: Rows = []
    for one in found.arms:
        rows.append((one.arm.name if one.arm.levels else "all runs", [
            _cell(percent(float(one.error[-1]))), *(_cell(percent(value)) for value in one.held_out),
            *(_cell(percent(value), _span(ends)) for value, ends in (one.direct, one.staged)),
        ]))  # fmt: skip
    sentence = next(claim.sentence for claim in claims if claim.kind == "two_stages")
    lead = (
        f"{sentence} Below: the average error with {place(known.design.x, largest)}, as it was and as smaller sizes "
        f"predict it, and at {BEYOND} times that, with {_LEVEL} intervals for a new run."
    )
    ahead = f"at {BEYOND} times it: "
    head = [
        "arm", "at the largest", "predicted directly", "by two stages", "by its own loss", f"{ahead}directly",
        f"{ahead}by two stages",
    ]  # fmt: skip
    return FURTHER["two_stages"], lead, head, rows


def _isoflop(known: Evidence) -> _Table | None:
    if not known.isoflops:
        return None
    rows: Rows = []
    several = len(known.isoflops) > 1
    for one in known.isoflops:
        for at in one.profiles:
            low, high = optimum_interval(at)
            start = f"{plain(at.sizes[0])} or less" if low <= at.sizes[0] else two_digits(low)
            end = f"{plain(at.sizes[-1])} or more" if high >= at.sizes[-1] else two_digits(high)
            best = two_digits(at.optimum) if at.inside else f"on the edge, {plain(at.optimum)}"
            name = f"{one.plane.arm.name}, {power(at.compute)}" if several else power(at.compute)
            least = float(at.error.min())
            rows.append((name, [_cell(best, f"{start} to {end}", not at.inside), _cell(f"{at.sizes.size}"),
                                _cell(percent(least))]))  # fmt: skip
    size = known.isoflops[0].plane.size.name
    grown = [
        f" {capital(one.plane.arm.name) + ': the' if several else 'The'} best grows as compute to the power "
        f"{float(np.median(one.exponents)):.2f}."
        for one in known.isoflops
        if one.exponents.size
    ]
    lead = (
        f"Errors interpolated along each size’s runs to one compute, and the lowest point of a parabola through them "
        f"over the logarithm of {size} (IsoFLOP profiles), {_LEVEL} interval below.{''.join(grown)}"
    )
    return FURTHER["isoflop"], lead, ["FLOPs", f"best {size}", "sizes compared", "least error among them"], rows


def _pair(name: str, held: str) -> str:
    return f"{name} ({held})" if held else name


def _times(times: float) -> str:
    return f"{times:.2g}" if times < 100 else two_digits(times)


def _span(ends: Interval) -> str:
    low, high = (100 * end for end in ends)
    return f"{low:.1f} to {high:.1f}" if np.isfinite(low) else ""
