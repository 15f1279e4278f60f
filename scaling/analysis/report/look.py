"""How arms and references look in every figure.

An arm is told apart without colour. The first factor whose levels differ gives colour, the marker's shape and the
dashes beyond the data; the second one fill and the line's weight (its baseline is open and thin); what else differs
gives other shapes. A second axis comes before the factors, in ordered shades. Colours are Okabe and Ito's and, of the
eighth level on, Tol's, which colour-blind readers can tell apart.
"""

from collections.abc import Sequence
from typing import Any

import polars as pl
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from scaling.analysis.claims.pairs import Pair
from scaling.analysis.report.contrasts import Contrast
from scaling.analysis.report.escapes import drawn
from scaling.analysis.scores.arms import Arm, arms, compared
from scaling.analysis.scores.design import Design, Factor

MOST_ARMS = 60  # in one panel: more are no longer told apart
Dashes = tuple[int, Sequence[float]]
Look = dict[str, Any]  # arguments of `Axes.plot`

GREY = "#6b6b6b"
REFERENCE_NAMES = {
    "chance": "chance", "log-mel": "log-mel statistics", "untrained": "untrained encoder",
    "supervised": "supervised encoder",
}  # fmt: skip
_ENTRY, _ROW = 2.35, 0.19  # inches of a legend's entry, at least

_LEVELS: list[tuple[str, str, Dashes]] = [
    ("#0072B2", "o", (0, (3, 2))), ("#D55E00", "s", (0, (1, 1.2))), ("#009E73", "^", (0, (6, 1.5, 1, 1.5))),
    ("#CC79A7", "D", (0, (5, 1))), ("#56B4E9", "p", (0, (2, 1))), ("#E69F00", "h", (0, (4, 1, 1, 1, 1, 1))),
    ("#000000", "d", (0, (7, 2))), ("#882255", "v", (0, (3, 1, 1, 1))), ("#44AA99", ">", (0, (5, 2, 2, 2))),
    ("#999933", "8", (0, (8, 1.5, 2, 1.5))),
]  # fmt: skip
_FILLS = [("none", 1.1), ("full", 1.9), ("left", 1.5), ("bottom", 1.3), ("top", 1.7), ("right", 1.5)]
SHADES = ("viridis", 0.0, 0.85)  # of a second axis: the map, and the shares of it at the smallest and largest value
_TWINS = "vPX*<>"
_HELDS = "vD^P"
_REFERENCE_LINES: list[Dashes] = [(0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (3, 2)), (0, (9, 2)), (0, (2, 4))]


class Looks:
    """How the arms of a study are drawn.

    Attributes:
        arms: that curves are drawn of, in the order in which they are shown: the first `MOST_ARMS`.
    """

    def __init__(self, table: pl.DataFrame, design: Design) -> None:
        """`table` has a row of every arm."""
        every = arms(table, design)
        self.arms = every[:MOST_ARMS]
        second = {axis.column for axis in design.axes[1:]}
        factors = [factor for factor in compared(table, design) if len(factor.levels) > 1]
        ordered = [*(f for f in factors if f.name in second), *(f for f in factors if f.name not in second)]
        self._colour = ordered[0] if ordered else None
        self._fill = ordered[1] if len(ordered) > 1 else None
        self._shades = bool(ordered) and ordered[0].name in second
        alike: dict[tuple[int, int], int] = {}
        self._looks: dict[Arm, Look] = {}
        for arm in every:
            kind = self._kind(arm)
            alike[kind] = alike.get(kind, -1) + 1
            self._looks[arm] = self._of(arm, alike[kind])

    def arm(self, arm: Arm) -> Look:
        """How an arm is drawn, as arguments of `Axes.plot`."""
        return self._looks[arm]

    def _of(self, arm: Arm, twin: int) -> Look:
        """The look of an arm; `twin` counts those before it of the same colour and filling."""
        colour, shape, _ = self._level(arm)
        fill, width = self._filling(arm)
        if twin:
            # Shapes of their own for each colour: it must not be what tells them apart.
            colours = 1 if self._colour is None else len(self._colour.levels)
            shape = _TWINS[((twin - 1) * colours + _place(self._colour, arm, 0)) % len(_TWINS)]
        return {
            "color": colour, "marker": shape, "markersize": 5.5,
            **_filled(colour, fill), "markeredgewidth": 1.2, "linewidth": width,
        }  # fmt: skip

    def dashes(self, arm: Arm) -> Dashes:
        """The dashes of an arm beyond the data."""
        return self._level(arm)[2]

    def series(self, contrast: Contrast) -> list[tuple[Pair, Look]]:
        """How the series of differences of a contrast are drawn.

        Levels look as their arms do. What the arms of two levels share gives colour and shape, filled; black and grey
        where the colour is what differs.
        """
        line = {"markersize": 5.5, "linewidth": 0.9, "linestyle": "-"}
        if contrast.levels:
            return [(pair, {**self.arm(pair.arm), **line}) for pair in contrast.pairs]
        alone = len(contrast.pairs) == 1
        return [(pair, {**self._held(pair, place, alone), **line}) for place, pair in enumerate(contrast.pairs)]

    def _held(self, pair: Pair, place: int, alone: bool) -> Look:
        if self._colour is not None and self._colour.name != pair.factor:
            colour, shape, _ = self._level(pair.arm)
            if self._fill is None or self._fill.name == pair.factor:
                return {"color": colour, "marker": self.arm(pair.arm)["marker"], **_filled(colour, "full")}
            return {"color": colour, "marker": shape, **_filled(colour, self._filling(pair.arm)[0])}
        if place == 0 and not alone:
            return {"color": "#7d7d7d", "marker": "o", **_filled("#7d7d7d", "none")}
        return {"color": "#1f1f1f", "marker": _HELDS[(place + alone) % len(_HELDS)], **_filled("#1f1f1f", "full")}

    def _kind(self, arm: Arm) -> tuple[int, int]:
        return _place(self._colour, arm, 0), _place(self._fill, arm, 1)

    def _filling(self, arm: Arm) -> tuple[str, float]:
        """Filling and weight."""
        return _FILLS[_place(self._fill, arm, 1) % len(_FILLS)]

    def _level(self, arm: Arm) -> tuple[str, str, Dashes]:
        place = _place(self._colour, arm, 0)
        colour, shape, dashes = _LEVELS[place % len(_LEVELS)]
        if self._shades and self._colour is not None:
            name, low, high = SHADES
            share = place / max(len(self._colour.levels) - 1, 1)
            colour = to_hex(colormaps[name](low + share * (high - low)))
        return colour, shape, dashes


def _place(factor: Factor | None, arm: Arm, missing: int) -> int:
    """The place of an arm's level; of a filled factor (`missing` 1: there is none) the baseline comes first."""
    if factor is None:
        return missing
    levels = sorted(factor.levels, key=lambda level: missing == 1 and level != factor.baseline)
    return levels.index(arm.label(factor.name))


def _filled(colour: str, fill: str) -> Look:
    """A marker's filling; an open one is white, so that lines do not show through."""
    if fill == "none":
        return {"fillstyle": "full", "markerfacecolor": "white"}
    return {"fillstyle": fill, "markerfacecolor": colour, "markerfacecoloralt": "white"}


def reference_name(reference: str, kinds: int = 1) -> str:
    """A reference in words, with how many of its kind it is the mean of."""
    name = REFERENCE_NAMES.get(reference, reference)
    return name if kinds == 1 else f"{name} (mean of {kinds})"


def ordered_references(names: set[str]) -> list[str]:
    """References in the order in which they are shown: those known, then by name."""
    known = list(REFERENCE_NAMES)
    return sorted(names, key=lambda name: (known.index(name) if name in known else len(known), name))


def reference_lines(axes: Axes, levels: pl.DataFrame) -> set[str]:
    """Draw the rows of `rows.references` as levels; returns their names."""
    for name, error in levels.select("reference", "error").iter_rows():
        axes.axhline(error, color=GREY, linewidth=1, linestyle=reference_line(name), zorder=1)
    return set(levels["reference"])


def reference_line(name: str) -> Dashes:
    """The dashes of a reference's line."""
    known = list(REFERENCE_NAMES)
    return _REFERENCE_LINES[known.index(name) if name in known else len(known)]


def legend(figure: Figure, looks: Looks, shown: set[str]) -> None:
    """Arms and the references that are shown, above the panels."""
    handles = [Line2D([], [], label=drawn(arm.name), **looks.arm(arm)) for arm in looks.arms]
    handles += [
        Line2D([], [], color=GREY, linewidth=1, linestyle=reference_line(name), label=drawn(reference_name(name)))
        for name in ordered_references(shown)
    ]
    widest = max(len(str(handle.get_label())) for handle in handles)
    fit = int(figure.get_figwidth() / max(_ENTRY, 0.068 * widest + 0.6))
    columns = 4 if fit >= 4 else max(min(fit, 3 if fit == 3 and widest > 22 else 2), 1)
    # Panels are made with room for two rows.
    figure.set_figheight(figure.get_figheight() + _ROW * max(-(-len(handles) // columns) - 2, 0))
    figure.legend(
        handles=handles, loc="outside upper center", ncols=columns, frameon=False, fontsize=9, handlelength=3.2,
        columnspacing=1.6,
    )  # fmt: skip


def series_handles(contrast: Contrast, looks: Looks) -> list[Line2D]:
    """The legend of series of differences; none for a single one that needs no name."""
    named = [(contrast.series(pair), look) for pair, look in looks.series(contrast)]
    return [Line2D([], [], label=drawn(name), **look) for name, look in named if name]
