"""Scaling curves: fits, intervals, and what a study's scores say. Needs neither torch, Ray nor MLflow."""

from scaling.analysis.curves.curve import Curve
from scaling.analysis.curves.fit import fit_curve, fit_curves
from scaling.analysis.curves.repetition import fit_repetition
from scaling.analysis.curves.shared import fit_shared
from scaling.analysis.curves.surface import fit_surface

__all__ = ["Curve", "fit_curve", "fit_curves", "fit_repetition", "fit_shared", "fit_surface"]
