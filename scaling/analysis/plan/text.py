"""What a plan says, in plain words."""

import numpy as np

from scaling.analysis.curves.crossover import FAR, NEAR
from scaling.analysis.curves.observed import LEVEL
from scaling.analysis.plan.grid import Grid
from scaling.analysis.plan.next_run import Candidate, Question, SoFar
from scaling.analysis.plan.power import Power
from scaling.analysis.plan.seen import Spread
from scaling.analysis.plan.typical import Typical
from scaling.analysis.scores.words import place, plain, two_digits, unit

Line = tuple[str, ...]
_SHOWN = 8
_NOISE = 0.005  # of an interval's width: less is lost in the simulation


def aligned(lines: list[Line]) -> str:
    """Columns as wide as their widest cell, the first line a head; numbers stand where they are put."""
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([rows[0], "-" * max(len(row) for row in rows), *rows[1:]])


def power_text(grid: Grid, found: list[Power]) -> str:
    """Cost and power of a grid of laws that are guessed."""
    level = f"{100 * LEVEL:.0f} %"
    parts = [_price(grid)]
    for one in found:
        ahead = f"{one.arm} by {100 * one.largest:.2f} points of error"
        if one.largest < 0:
            ahead = f"{one.other} by {-100 * one.largest:.2f} points of error"
        width = f"{one.exponents_width:.3f} wide" if np.isfinite(one.exponents_width) else "unknown"
        exponents = f"yes, by {abs(one.exponents):.3f}" if one.exponents else "no"
        lines: list[Line] = [
            (f"{one.arm} v {one.other}", "in truth (your guess)", "found in", f"typical {level} interval"),
            (f"which is better at {plain(grid.sizes[-1])} {grid.unit}?", ahead, _share(one.largest_found), ""),
            ("do their exponents differ?", exponents, _share(one.exponents_found), width),
            (
                f"does one overtake the other within {FAR:.0f} times the {grid.unit}?",
                _truth(one.crosses, grid.unit),
                _share(one.crossover_found), _interval(one.crossover_interval, grid),
            ),
            (f"does who is better at {plain(grid.sizes[-1])} {grid.unit} stay so to {NEAR:.0f} times that?",
             "", _share(one.stays_found), ""),
        ]  # fmt: skip
        parts.append(aligned(lines))
    noise = f"{grid.noise:g}" if grid.noise else "as on public curves"
    foot = (
        f"Found in: the share of {found[0].studies} simulated studies that would say so (log-noise of a run "
        f"{noise}); where in truth there is nothing, the share that would say so wrongly."
    )
    return "\n\n".join([*parts, _ONE_SEED if grid.seeds == 1 else foot])


def typical_text(grid: Grid, found: Typical) -> str:
    """Cost of a grid, and what it finds of two arms whose laws nobody guesses."""
    level, largest = f"{100 * LEVEL:.0f} %", f"{plain(grid.sizes[-1])} {grid.unit}"
    lines: list[Line] = [
        ("two arms, as on public curves", "answered in", "right then in", f"typical {level} interval (middle 80 %)"),
        (f"which is better at {largest}?", _share(found.largest_found), _known(found.largest_true),
         _width(found.largest_width, " of the error", 100)),
        ("do their exponents differ?", _share(found.exponents_found), "", _width(found.exponents_width, "", 1)),
        (f"does one overtake the other within {FAR:.0f} times the {grid.unit}?", _share(found.crossover_found), "", ""),
        (f"does who is better at {largest} stay so to {NEAR:.0f} times that?", _share(found.stays_found),
         _known(found.stays_true), ""),
    ]  # fmt: skip
    noise = f"{grid.noise:g}"
    if not grid.noise:
        noise = "{:.2g}, in the middle 80 % {:.2g} to {:.2g}".format(*found.noise)
    foot = (
        f"Answered in: the share of {found.studies} simulated studies, each of two learners or models on one public "
        f"data set or task, their laws (with a break) set on your sizes and log-noise of a run {noise}. Guess laws "
        "(--arms NAME:E,A,a) or noise (--noise) for a plan of your own arms."
    )
    return "\n\n".join([_price(grid), aligned(lines), _ONE_SEED if grid.seeds == 1 else foot])


_ONE_SEED = "With one seed nothing tells how much a run varies, so nothing can be found: plan two seeds or more."


def _price(grid: Grid) -> str:
    return (
        f"{len(grid.laws)} arms x {len(grid.sizes)} sizes x {grid.seeds} seeds = {grid.runs} runs, "
        f"{grid.runs * grid.samples_seen / 1e6:,.1f} M clips seen, {grid.hours:,.1f} GPU-hours"
    )


def _width(of: Spread, unit_: str, times: float) -> str:
    if not np.isfinite(of).all():
        return "unknown"
    middle, low, high = (f"{times * value:.2g}" for value in of)
    return f"{middle}{' %' if times > 1 else ''} wide{unit_} ({low} to {high})"


def _known(share: float) -> str:
    return _share(share) if np.isfinite(share) else ""


def _share(found: float) -> str:
    return f"{100 * found:.0f} % of studies"


def _truth(crosses: float, unit: str) -> str:
    return f"yes, at {two_digits(crosses)} {unit}" if np.isfinite(crosses) else "no"


def _interval(ends: tuple[float, float], grid: Grid) -> str:
    low, high = ends
    if np.isnan(low):
        return "unknown"
    if np.isinf(low):
        return "nowhere"
    start = f"{plain(grid.sizes[0])} or less" if low == 0 else two_digits(low)
    if np.isfinite(high):
        return f"{start} to {two_digits(high)} {grid.unit}"
    return f"from {start}, without an upper end"


def next_text(found: list[Candidate], question: Question, known: SoFar, arms: tuple[str, str], noise: float) -> str:
    """The candidates that bring most for a GPU-hour."""
    what = "where their curves cross" if question == "crossover" else "the difference of their exponents"
    lines: list[Line] = [
        ("next run", unit(known.axis), "its seed", "GPU-hours", "interval narrower by", "that is, a GPU-hour")
    ]
    for one in found[:_SHOWN]:
        clear = one.width < 1 - _NOISE
        narrower = f"{100 * (1 - one.width):.1f} %" if clear else f"under {100 * _NOISE:.1f} %"
        lines.append((one.arm, plain(one.size), f"no. {one.seed + 1}", f"{one.hours:,.2f}", narrower,
                      f"{100 * one.gain:.2g} %" if clear else ""))  # fmt: skip
    head = f"To know better {what} ({arms[0]} v {arms[1]}), the best run first (log-noise of a run {noise:.3g}):"
    best = found[0]
    foot = f"Next: {best.arm}, {place(known.axis, best.size)}."
    if best.width >= 1 - _NOISE:
        foot = "No single run narrows it: plan several."
    return "\n".join([head, "", aligned(lines), "", foot])
