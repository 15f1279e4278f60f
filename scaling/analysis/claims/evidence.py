"""What all claims of a study rest on, worked out once."""

from dataclasses import dataclass

import polars as pl

from scaling.analysis.claims.averages import Averages, averages
from scaling.analysis.claims.compute import Gain, gains
from scaling.analysis.claims.decisions import Decisions, decisions
from scaling.analysis.claims.differences import Differences, differences
from scaling.analysis.claims.isoflops import Isoflop, isoflops
from scaling.analysis.claims.optimum import Values, values
from scaling.analysis.claims.pairs import Pair, pairs
from scaling.analysis.claims.signals import Signal, Weighed, signals, weighed
from scaling.analysis.claims.stages import Stages, stages
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
        gains: the pairs by what they need of compute; none where that does not grow along the axis.
        decisions: how often smaller sizes order the arms as the largest does.
        signals: how well each task tells the arms apart, and `weighed` the pairs' averages weighed by that.
        stages: the loss on the holdout as a way to the error; of no arm where it is not known.
        isoflops: the arms over two axes at equal compute.
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
    gains: list[Gain]
    decisions: Decisions
    signals: list[Signal]
    weighed: list[Weighed]
    stages: Stages
    isoflops: list[Isoflop]


def gather(scores: pl.DataFrame, predictions: pl.DataFrame | None, design: Design) -> Evidence:
    """Work it out; arguments as of `draw`.

    Raises:
        StudyError: one curve would mix protocols.
    """
    draws = draw(scores, predictions, design)
    compared = pairs(draws.cells, design)
    found = averages(draws, design)
    apart, laid_out, told = differences(draws, compared), planes(draws, scores, design), signals(draws, design)
    return Evidence(
        design, scores, draws, compared, apart, found, twins(found, compared), laid_out, values(draws, design),
        gains(draws, scores, design, compared, apart), decisions(draws, design), told,
        weighed(draws, told, compared, design), stages(draws, scores, design), isoflops(laid_out),
    )  # fmt: skip
