"""What all claims of a study rest on, worked out once."""

from dataclasses import dataclass

import polars as pl

from scaling.analysis.claims.averages import Averages, averages
from scaling.analysis.claims.differences import Differences, differences
from scaling.analysis.claims.optimum import Values, values
from scaling.analysis.claims.pairs import Pair, pairs
from scaling.analysis.claims.twins import Twins, twins
from scaling.analysis.claims.two_axes import Plane, planes
from scaling.analysis.scores.design import Design
from scaling.analysis.scores.resamples import Draws, draw


@dataclass(frozen=True)
class Evidence:
    """A study's scores and what was made of them.

    Attributes:
        design: what was asked.
        scores: as from `read_scores`.
        draws: resampled errors of every arm and size.
        pairs: the arms that are compared.
        differences: of those, at every size.
        averages: the arms' curves, replicated together.
        twins: the pairs as two curves; none along a nominal axis.
        planes: the arms over two axes; none where the study has one.
        values: the arms along a nominal axis; none along another.
    """

    design: Design
    scores: pl.DataFrame
    draws: Draws
    pairs: list[Pair]
    differences: Differences
    averages: Averages
    twins: list[Twins]
    planes: list[Plane]
    values: list[Values]


def gather(scores: pl.DataFrame, predictions: pl.DataFrame | None, design: Design) -> Evidence:
    """Work it out; arguments as of `draw`.

    Raises:
        StudyError: one curve would mix protocols.
    """
    draws = draw(scores, predictions, design)
    compared = pairs(draws.cells, design)
    found = averages(draws, design)
    return Evidence(
        design, scores, draws, compared, differences(draws, compared), found, twins(found, compared),
        planes(draws, scores, design), values(draws, design),
    )  # fmt: skip
