"""The linear probe: logistic regression on frozen embeddings (`logistic.py`), its strength chosen on validation rows.

The protocol is that of few-shot linear evaluation: features are taken once from the frozen encoder,
standardized with training statistics, and a linear classifier is fitted to its optimum for each of a grid
of L2 strengths; the validation split picks the strength (Kornblith et al. 2019, "Do better ImageNet models
transfer better?"; Radford et al. 2021, CLIP). A convex problem solved to its optimum has no learning rate,
no schedule and no seed, so a difference between two encoders is never one between two probe trainings.

All is deterministic and computed on the device of the embeddings.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from scaling.probes.label_metrics import mean_average_precision
from scaling.probes.logistic import EXACT, Logistic, Standardizer, logistic_path

L2_GRID: tuple[float, ...] = tuple(10.0**e for e in range(2, -7, -1))
"""Strengths tried, strong to weak, for the mean loss: scikit-learn's C is 1 / (n * l2)."""

FOLDS = 5
PATIENCE = 2
"""Of a problem too large for float64, weaker strengths are not tried after so many that were worse than the best."""
_ROWS = 8192

Key = tuple[float, float]
"""By which strengths are compared: right answers (of several labels mean average precision times rows), then summed
log-likelihood."""


@dataclass(frozen=True)
class LinearProbe:
    """What a linear probe answered, and how its strength was found.

    scores: float64 [n_test, n_classes], logits of the test rows.
    l2: the chosen strength, an element of `L2_GRID`.
    val_accuracy: accuracy (mean average precision) at that strength on the validation split or, without one, over the
        held-out folds.
    converged: whether the fit that answered ended with a gradient below tolerance.
    on_edge: whether the strength is the first or last of the grid, where a better one may lie beyond.
    """

    scores: Tensor
    l2: float
    val_accuracy: float
    converged: bool
    on_edge: bool

    @property
    def answers(self) -> Tensor:
        """int64 [n_test], the class answered for each test row."""
        return self.scores.argmax(1)


@dataclass(frozen=True)
class LinearFit:
    """A linear probe that has not been asked anything yet; fields as in `LinearProbe`."""

    model: Logistic
    standardize: Standardizer
    val_accuracy: float
    on_edge: bool

    def logits(self, x: Tensor, classes: slice = slice(None)) -> Tensor:
        """Float64 [n, classes] of embeddings float [n, d]."""
        weight, bias = self.model.weight[:, classes], self.model.bias[classes]
        return torch.cat([self.standardize(some) @ weight + bias for some in torch.split(x, _ROWS)])


def logistic_probe(
    train_x: Tensor,
    train_y: Tensor,
    val_x: Tensor | None,
    val_y: Tensor | None,
    test_x: Tensor,
    n_classes: int,
    folds: Tensor | None = None,
) -> LinearProbe:
    """Answer test float [n, d] by `logistic_fit` of the others.

    Raises ValueError as that does, and for test embeddings that are empty or not finite.
    """
    _check("test", test_x, None, n_classes)
    fit = logistic_fit(train_x, train_y, val_x, val_y, n_classes, folds)
    return LinearProbe(fit.logits(test_x), fit.model.l2, fit.val_accuracy, fit.model.converged, fit.on_edge)


def logistic_fit(
    train_x: Tensor,
    train_y: Tensor,
    val_x: Tensor | None,
    val_y: Tensor | None,
    n_classes: int,
    folds: Tensor | None = None,
) -> LinearFit:
    """Fit on train at every strength of `L2_GRID`, choose by validation.

    train_x, val_x are float [n, d] on one device; train_y, val_y int64 [n] in [0, n_classes), or bool
    [n, n_classes] where a row has several labels.
    Without a validation split (both None) the strength is chosen by cross-validation inside train, each fold
    standardized by its own training part: `folds` int64 [n] says in which each row is held out, without them they are
    stratified. The classifier that answers has seen train only: where there is a validation split, it is not added
    afterwards.

    The strength is that of the highest validation accuracy (of several labels mean average precision); among equals the
    lowest log-loss, then the strongest. A validation row whose class is absent from training counts as wrong, and is
    left out of the log-loss, where it would be infinite at every strength.

    Raises ValueError for empty or non-finite embeddings, labels that do not fit, or one of val_x, val_y
    alone.
    """
    if (val_x is None) != (val_y is None):
        raise ValueError("a validation split needs both embeddings and labels")
    _check("train", train_x, train_y, n_classes)
    standardize = Standardizer.fit(train_x)
    if val_x is None or val_y is None:
        n_val = len(train_y)
        scores = _cross_validate(train_x, train_y, n_classes, folds)
        best = scores.index(max(scores))
        *_, model = logistic_path(train_x, train_y, n_classes, L2_GRID[: best + 1], standardize)
    else:
        _check("validation", val_x, val_y, n_classes)
        n_val = len(val_y)
        scores, model = _chosen(train_x, train_y, val_x, val_y, n_classes, standardize)
        best = scores.index(max(scores))
    return LinearFit(model, standardize, scores[best][0] / n_val, best in (0, len(L2_GRID) - 1))


def stderr_of_proportion(p: float, n: int) -> float:
    """The binomial standard error sqrt(p (1 - p) / n) of a proportion p observed over n independent cases.

    At p = 0 or 1 it is 0, which says that the sample shows no spread, not that the proportion is certain.
    No floor is added here: the analysis counts zero errors among n as 1/2 / (n + 1) and marks them, and two
    corrections of one thing would be worse than either.
    """
    if n < 1 or not 0 <= p <= 1:
        raise ValueError(f"no proportion: {p} of {n}")
    return math.sqrt(p * (1 - p) / n)


def stratified_folds(y: Tensor) -> Tensor:
    """The fold, int64 [n] in [0, FOLDS), in which each row is held out; y is int64 [n], or bool [n, n_classes], where
    rows of equal labels are a class.

    Each class is shuffled with a fixed seed and dealt out in turn, going on where the last class stopped,
    so that the folds' sizes, and their counts of each class, differ by at most one. Folds depend on the
    order of rows.
    """
    generator = torch.Generator().manual_seed(0)
    labels = y.cpu() if y.ndim == 1 else torch.unique(y.cpu(), dim=0, return_inverse=True)[1]
    # A stable sort by class of a random order is a random order within each class, class after class.
    order = torch.randperm(len(y), generator=generator)
    order = order[torch.argsort(labels[order], stable=True)]
    folds = torch.empty_like(labels)
    folds[order] = torch.arange(len(y)) % FOLDS
    return folds.to(y.device)


def _chosen(
    x: Tensor, y: Tensor, val_x: Tensor, val_y: Tensor, n_classes: int, standardize: Standardizer
) -> tuple[list[Key], Logistic]:
    """How every strength that was tried does on validation rows, and the best model."""
    large = len(x) * x.shape[1] * n_classes > EXACT
    scores: list[Key] = []
    kept: Logistic | None = None
    for model in logistic_path(x, y, n_classes, L2_GRID, standardize):
        scores.append(_key(model, standardize, val_x, val_y))
        if kept is None or scores[-1] > max(scores[:-1]):
            kept = model
        if large and len(scores) - 1 - scores.index(max(scores)) >= PATIENCE:
            break
    assert kept is not None
    return scores, kept


def _cross_validate(x: Tensor, y: Tensor, n_classes: int, folds: Tensor | None) -> list[Key]:
    """Keys summed over the held-out folds of train."""
    if folds is None:
        if len(y) < FOLDS:
            raise ValueError(f"cross-validation needs at least {FOLDS} training rows, and there are {len(y)}")
        folds = stratified_folds(y)
    totals = [(0.0, 0.0)] * len(L2_GRID)
    for fold in torch.unique(folds):
        held = folds == fold
        standardize = Standardizer.fit(x[~held])
        path = logistic_path(x[~held], y[~held], n_classes, L2_GRID, standardize)
        scores = _scores(path, standardize, x[held], y[held])
        totals = [(a + c, b + d) for (a, b), (c, d) in zip(totals, scores, strict=True)]
    return totals


def _scores(path: Iterable[Logistic], standardize: Standardizer, x: Tensor, y: Tensor) -> list[Key]:
    return [_key(model, standardize, x, y) for model in path]


def _key(model: Logistic, standardize: Standardizer, x: Tensor, y: Tensor) -> Key:
    logits = torch.cat([model.logits(standardize(some)) for some in torch.split(x, _ROWS)])
    if y.ndim == 2:
        known = logits.isfinite().all(0)
        likelihood = -torch.nn.functional.binary_cross_entropy_with_logits(
            logits[:, known], y[:, known].double(), reduction="sum"
        )
        found = mean_average_precision(ranked(logits).cpu().numpy(), y.cpu().numpy()).value if y.any() else 0.0
        return found * len(y), float(likelihood)
    log_p = torch.log_softmax(logits, 1)
    likelihood = log_p.gather(1, y[:, None])
    right = int((log_p.argmax(1) == y).sum())
    return right, float(likelihood[likelihood.isfinite()].sum())


def ranked(logits: Tensor) -> Tensor:
    """Logits by which clips are ranked: finite also for a class that no training row has."""
    return logits.masked_fill(logits.isinf(), torch.finfo(logits.dtype).min)


def _check(split: str, x: Tensor, y: Tensor | None, n_classes: int) -> None:
    if x.ndim != 2 or not x.numel():
        raise ValueError(f"{split} embeddings have shape {tuple(x.shape)}, not [n, d]")
    if not x.isfinite().all():
        raise ValueError(f"{split} embeddings are not all finite")
    if y is None:
        return
    fits = y.shape == (len(x), n_classes) if y.ndim == 2 else y.shape == x.shape[:1]
    if not fits or (y.ndim == 1 and (y.min() < 0 or y.max() >= n_classes)):
        raise ValueError(f"{split} labels do not fit {len(x)} embeddings and {n_classes} classes")
