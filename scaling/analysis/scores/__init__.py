"""A table of scores: its columns, what it was made to ask, and what is read from it."""

from scaling.analysis.scores.design import Axis, Design, Factor, read_design
from scaling.analysis.scores.schema import FIXED, schema
from scaling.analysis.scores.study_table import read_predictions, read_scores, read_study

__all__ = [
    "FIXED",
    "Axis",
    "Design",
    "Factor",
    "read_design",
    "read_predictions",
    "read_scores",
    "read_study",
    "schema",
]
