"""Scaling curves: fits, intervals, and what a study's scores say. Needs neither torch, Ray nor MLflow."""

from scaling.analysis.curve import Curve
from scaling.analysis.fit import fit_curve, fit_curves
from scaling.analysis.shared import fit_shared
from scaling.analysis.surface import fit_repetition, fit_surface

__all__ = ["Curve", "fit_curve", "fit_curves", "fit_repetition", "fit_shared", "fit_surface"]
