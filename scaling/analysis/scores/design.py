"""What a table of scores was made to ask: the axes that curves run along, and the factors whose levels are compared.

A study leaves it in its `study.json`, under `design`; for a table from elsewhere it is made from the table's columns.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from scaling.errors import StudyError, steers, visible
from scaling.storage.own import read_own

_INTERVALS = ("E", "A", "B", "a", "b", "R", "at_largest", "beyond", "held_out")
_MADE = """
x error zero probe n_seeds raw seeds by_seed runs row score ln samples squares
axis status form unit noise_from covers level n_points n_sizes largest residual covered covered_stderr
passes_smallest passes_largest line line_x line_low line_high windows missing size data loss q tasks
"""  # of runs and their means, of curves, and of surfaces
RESERVED = frozenset([*_MADE.split(), *(f"{name}{end}" for name in _INTERVALS for end in ("", "_low", "_high"))])
"""Columns that the analysis makes beside those of the scores: no factor and no axis may be called so, nor <name>_other,
as such a column is called in a pair."""
LONGEST = 200
"""Letters of a name, at most: it has to fit a figure and a table."""


def is_reserved(name: str) -> bool:
    """Whether no factor and no axis may be called so."""
    return name in RESERVED or name.endswith("_other")


@dataclass(frozen=True)
class Axis:
    """What curves run along.

    Attributes:
        column: of the scores; numbers above 0 where `scale` is "log".
        name: for an axis of a figure: "unique clips".
        unit: for a number of it in a sentence: "clips".
        scale: "log": laws are fitted along it. "nominal": values (numbers or names) without a law, one of them best.
    """

    column: str = "clips"
    name: str = "unique clips"
    unit: str = "clips"
    scale: Literal["log", "nominal"] = "log"


@dataclass(frozen=True)
class Factor:
    """A column of the scores whose levels are compared.

    Attributes:
        name: the column's, and what people call it.
        levels: names for people, as they stand in the column, in the order in which they are shown.
        baseline: the level that every other one is compared with; None: every two are compared.
        parents: of a level that mixes others, which.
    """

    name: str
    levels: tuple[str, ...]
    baseline: str | None = None
    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class ArmRate:
    """The learning rate of an arm, in words, and whether it was searched (`tuned`)."""

    arm: str
    tuned: bool
    said: str


@dataclass(frozen=True)
class Design:
    """A study as the analysis knows it. With two axes the curves run along the first, one for each value of the
    second, and surfaces are fitted over both. `rates` are those that its runs are trained with, where they are known.
    """

    title: str
    question: str
    axes: tuple[Axis, ...]
    factors: tuple[Factor, ...]
    rates: tuple[ArmRate, ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError for what no table of scores can be asked."""
        if not 1 <= len(self.axes) <= 2:
            raise ValueError(f"it has {len(self.axes)} axes, where one or two are known")
        columns = [*(axis.column for axis in self.axes), *(factor.name for factor in self.factors)]
        for name in columns:
            if not name or is_reserved(name) or steers(name):
                raise ValueError(f"a factor or an axis may not be called {visible(repr(name), 60)}")
            if columns.count(name) > 1:
                raise ValueError(f"two factors or axes are called {name!r}")
        levels = [level for factor in self.factors for level in factor.levels]
        for name in (*columns, *levels, *(text for axis in self.axes for text in (axis.name, axis.unit))):
            if len(name) > LONGEST:
                raise ValueError(f"the name {visible(name, 60)} has more than {LONGEST} letters")

    @property
    def x(self) -> Axis:
        """The axis that curves run along."""
        return self.axes[0]


def design_from_json(fields: dict[str, Any]) -> Design:
    """The design that `Study.design` gives.

    Raises:
        StudyError: one that the analysis cannot work with.
    """
    try:
        return TypeAdapter(Design).validate_python(fields)
    except ValidationError as error:
        raise StudyError(f"the study cannot be analysed: {error.errors()[0]['msg']}") from None


class _File(TypedDict):
    design: Design


def read_design(folder: Path) -> Design:
    """The design of the study in a folder.

    Raises:
        StudyError: there is no study, or its file is damaged or of a layout that this version does not read.
    """
    try:
        design = read_own(folder / "study.json", _File, "start the study again, or give another folder")["design"]
    except FileNotFoundError:
        raise StudyError(f"{folder} holds no study: give the folder that a study was given as --out") from None
    # As the scores are read (`cells`), so that levels are found in them.
    axes = tuple(replace(axis, name=visible(axis.name), unit=visible(axis.unit)) for axis in design.axes)
    factors = tuple(
        Factor(
            one.name,
            tuple(map(visible, one.levels)),
            one.baseline and visible(one.baseline),
            {visible(level): tuple(map(visible, parents)) for level, parents in one.parents.items()},
        )
        for one in design.factors
    )
    rates = tuple(ArmRate(visible(rate.arm), rate.tuned, visible(rate.said)) for rate in design.rates)
    return Design(visible(design.title), visible(design.question), axes, factors, rates)
