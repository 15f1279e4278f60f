"""Metrics of scores a class: mean average precision and area under the ROC curve, macro averages over classes.

Values are scikit-learn's `average_precision_score` and `roc_auc_score` with average "macro", ties included. A class of
which a metric is not defined (no clip has it, or of the ROC curve every clip) is left out of the average, where
scikit-learn counts 0 or refuses.
"""

import numpy as np
from numpy.typing import NDArray

from scaling.probes.measured import Floats, Measured


def mean_average_precision(scores: Floats, truth: NDArray[np.bool_]) -> Measured:
    """Of scores float64 [n, classes] and truth bool [n, classes].

    Raises `ValueError` where the two do not fit, a score is not finite, or no class has a clip.
    """
    _check(scores, truth)
    return _macro([_average_precision(s, y) for s, y in zip(scores.T, truth.T, strict=True) if y.any()])


def mean_roc_auc(scores: Floats, truth: NDArray[np.bool_]) -> Measured:
    """As `mean_average_precision`."""
    _check(scores, truth)
    return _macro([_roc_auc(s, y) for s, y in zip(scores.T, truth.T, strict=True) if y.any() and not y.all()])


def _check(scores: Floats, truth: NDArray[np.bool_]) -> None:
    if scores.ndim != 2 or scores.shape != truth.shape or not len(scores):
        raise ValueError(f"scores {scores.shape} and truth {truth.shape} do not fit")
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite")


def _macro(classes: list[Measured]) -> Measured:
    if not classes:
        raise ValueError("no class is on some clips and not on others")
    parts = np.mean([one.parts for one in classes], axis=0)
    return Measured(float(np.mean([one.value for one in classes])), parts)


def _average_precision(scores: Floats, truth: NDArray[np.bool_]) -> Measured:
    """With weights w of the clips AP is sum_i w_i y_i TP_i / N_i / P, where N_i and TP_i are the weights of all and of
    the right clips that score at least as high as i. Its derivative by w_k, where all weights are 1, is

        (y_k TP_k / N_k + sum over right i that score no higher than k of (y_k / N_i - TP_i / N_i^2) - y_k AP) / P.
    """
    n, right = len(scores), int(truth.sum())
    values, place = np.unique(-scores, return_inverse=True)  # tied clips share a place, the highest first
    at_least = np.cumsum(np.bincount(place, minlength=len(values)))
    hits = np.bincount(place, weights=truth, minlength=len(values))
    found = np.cumsum(hits)
    precision = found / at_least
    value = float((hits * precision).sum() / right)
    # Sums over the right clips at this place and at those behind it.
    per_all, per_right = (np.cumsum((hits * each)[::-1])[::-1] for each in (1 / at_least, found / at_least**2))
    slope = (truth * (precision[place] + per_all[place] - value) - per_right[place]) / right
    return Measured(value, value + n * slope)


def _roc_auc(scores: Floats, truth: NDArray[np.bool_]) -> Measured:
    """The share of (right, wrong) pairs in order, ties counting half; influences as in DeLong et al. 1988."""
    n, right = len(scores), int(truth.sum())
    wrong = n - right
    values, place = np.unique(scores, return_inverse=True)
    below = {}
    for name, which in (("right", truth), ("wrong", ~truth)):
        counts = np.bincount(place, weights=which, minlength=len(values))
        below[name] = (np.cumsum(counts) - counts / 2)[place]
    beaten = np.where(truth, below["wrong"] / wrong, 1 - below["right"] / right)
    value = float(beaten[truth].mean())
    return Measured(value, value + n * (beaten - value) / np.where(truth, right, wrong))
