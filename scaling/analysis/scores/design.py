"""What a table of scores was made to ask: the axes that curves run along, and the factors whose levels are compared.

A study leaves it in its `study.json`, under `design`; for a table from elsewhere it is made from the table's columns.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from scaling.errors import StudyError


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
    """

    name: str
    levels: tuple[str, ...]
    baseline: str | None = None


@dataclass(frozen=True)
class Design:
    """A study as the analysis knows it. With two axes the curves run along the first, one for each value of the
    second, and surfaces are fitted over both."""

    title: str
    question: str
    axes: tuple[Axis, ...]
    factors: tuple[Factor, ...]

    @property
    def x(self) -> Axis:
        """The axis that curves run along."""
        return self.axes[0]


def design_from_json(fields: dict[str, Any]) -> Design:
    """The design that `study.json` holds under `design`."""
    return Design(
        fields["title"],
        fields["question"],
        tuple(Axis(**axis) for axis in fields["axes"]),
        tuple(Factor(factor["name"], tuple(factor["levels"]), factor["baseline"]) for factor in fields["factors"]),
    )


def read_design(folder: Path) -> Design:
    """The design of the study in a folder.

    Raises:
        StudyError: there is no study, or one of a layout that this version does not read.
    """
    path = folder / "study.json"
    try:
        return design_from_json(json.loads(path.read_text(encoding="utf-8"))["design"])
    except FileNotFoundError:
        raise StudyError(f"{folder} holds no study: give the folder that a study was given as --out") from None
    except (KeyError, TypeError, ValueError):
        raise StudyError(
            f"{path} was not written by this version: start the study again, or give another folder"
        ) from None
