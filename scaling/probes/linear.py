"""Multinomial logistic regression on frozen embeddings: the linear probe.

The protocol is that of few-shot linear evaluation: features are taken once from the frozen encoder,
standardized with training statistics, and a linear classifier is fitted to its optimum for each of a grid
of L2 strengths; the validation split picks the strength (Kornblith et al. 2019, "Do better ImageNet models
transfer better?"; Radford et al. 2021, CLIP). A convex problem solved to its optimum has no learning rate,
no schedule and no seed, so a difference between two encoders is never one between two probe trainings.

Everything computes in float64 on the device of the embeddings, and is deterministic.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

L2_GRID: tuple[float, ...] = tuple(10.0**e for e in range(2, -7, -1))
"""Strengths tried, strong to weak, for the mean loss: scikit-learn's C is 1 / (n * l2)."""

FOLDS = 5

_GRADIENT_TOLERANCE = 2e-5
_MAX_ITERATIONS = 1000


@dataclass(frozen=True)
class LinearProbe:
    """What a linear probe answered, and how its strength was found.

    answers: int64 [n_test], the class answered for each test row.
    l2: the chosen strength, an element of `L2_GRID`.
    val_accuracy: accuracy at that strength on the validation split or, without one, over the held-out folds.
    converged: whether the fit that answered ended with a gradient below tolerance.
    on_edge: whether the strength is the first or last of the grid, where a better one may lie beyond.
    """

    answers: Tensor
    l2: float
    val_accuracy: float
    converged: bool
    on_edge: bool


@dataclass(frozen=True)
class Standardizer:
    """Per-feature shift and scale of a training split; calling it gives float64 [n, d].

    A feature that is constant in training (to float32's resolution) becomes 0 everywhere: divided by its
    rounding noise, it would drown the others as soon as a test row differs.
    """

    mean: Tensor
    inverse_std: Tensor

    @classmethod
    def fit(cls, x: Tensor) -> "Standardizer":
        """Statistics of x, float [n, d]; the deviation's divisor is n, as in scikit-learn's scaler."""
        x = x.double()
        mean, std = x.mean(0), x.std(0, correction=0)
        constant = std <= 1e-7 * mean.abs()
        return cls(mean, torch.where(constant, 0.0, 1 / std.masked_fill(constant, 1.0)))

    def __call__(self, x: Tensor) -> Tensor:
        return (x.double() - self.mean) * self.inverse_std


@dataclass(frozen=True)
class Logistic:
    """A fitted classifier: weight [d, n_classes], bias [n_classes], float64.

    A class that was absent from training has zero weight and bias -inf: it is never answered.
    """

    weight: Tensor
    bias: Tensor
    l2: float
    converged: bool

    def __call__(self, x: Tensor) -> Tensor:
        """Log-probabilities, float64 [n, n_classes], of standardized features x [n, d]."""
        return torch.log_softmax(x @ self.weight + self.bias, 1)


def logistic_probe(
    train_x: Tensor,
    train_y: Tensor,
    val_x: Tensor | None,
    val_y: Tensor | None,
    test_x: Tensor,
    n_classes: int,
) -> LinearProbe:
    """Fit on train at every strength of `L2_GRID`, choose by validation, answer test.

    train_x, val_x, test_x are float [n, d] on one device; train_y, val_y int64 [n] in [0, n_classes).
    Without a validation split (both None) the strength is chosen by stratified 5-fold cross-validation
    inside train, each fold standardized by its own training part. The classifier that answers has seen
    train only: where there is a validation split, it is not added afterwards.

    The strength is that of the highest validation accuracy; among equals the lowest log-loss, then the
    strongest. A validation row whose class is absent from training counts as wrong, and is left out of the
    log-loss, where it would be infinite at every strength.

    Raises ValueError for empty or non-finite embeddings, labels that do not fit, or one of val_x, val_y
    alone.
    """
    if (val_x is None) != (val_y is None):
        raise ValueError("a validation split needs both embeddings and labels")
    _check("train", train_x, train_y, n_classes)
    _check("test", test_x, None, n_classes)
    standardize = Standardizer.fit(train_x)
    x = standardize(train_x)
    if val_x is None or val_y is None:
        n_val = len(train_y)
        scores = _cross_validate(train_x, train_y, n_classes)
        best = scores.index(max(scores))
        model = logistic_path(x, train_y, n_classes, L2_GRID[: best + 1])[-1]
    else:
        _check("validation", val_x, val_y, n_classes)
        n_val = len(val_y)
        path = logistic_path(x, train_y, n_classes, L2_GRID)
        scores = _scores(path, standardize(val_x), val_y)
        best = scores.index(max(scores))
        model = path[best]
    return LinearProbe(
        answers=model(standardize(test_x)).argmax(1),
        l2=model.l2,
        val_accuracy=scores[best][0] / n_val,
        converged=model.converged,
        on_edge=best in (0, len(L2_GRID) - 1),
    )


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
    """The fold, int64 [n] in [0, FOLDS), in which each row is held out; y is int64 [n].

    Each class is shuffled with a fixed seed and dealt out in turn, going on where the last class stopped,
    so that the folds' sizes, and their counts of each class, differ by at most one. Folds depend on the
    order of rows.
    """
    generator = torch.Generator().manual_seed(0)
    labels = y.cpu()
    # A stable sort by class of a random order is a random order within each class, class after class.
    order = torch.randperm(len(y), generator=generator)
    order = order[torch.argsort(labels[order], stable=True)]
    folds = torch.empty_like(labels)
    folds[order] = torch.arange(len(y)) % FOLDS
    return folds.to(y.device)


def logistic_path(x: Tensor, y: Tensor, n_classes: int, strengths: Sequence[float]) -> list[Logistic]:
    """Minimizers of mean cross-entropy + l2 / 2 * |weight|^2 (bias unpenalized), one for each strength.

    x is float64 [n, d] (standardized; it is used as it is), y int64 [n]. Strengths go from strong to weak,
    each warm-starting the next.

    The solver is L-BFGS in preconditioned coordinates. The loss's Hessian is at most 1/2 X'X/n for each
    class (Böhning 1992, "Multinomial logistic regression algorithm"), so in the right singular basis of X,
    where the penalty keeps its form, curvature is near diagonal: h * s^2/n + l2, with h the mean softmax
    variance at the warm start. Scaled by its root, a weak penalty on embeddings with a steep spectrum takes
    a tenth of plain L-BFGS's iterations (87 for 1014, measured at l2 = 1e-5 and a 1/k spectrum). The basis
    also has at most n directions, however wide the embedding.
    """
    n = len(x)
    present, target = torch.unique(y, return_inverse=True)
    truth = torch.nn.functional.one_hot(target, len(present)).to(x.dtype)
    u, s, vh = torch.linalg.svd(x, full_matrices=False)
    keep = s > s.max() * max(x.shape) * torch.finfo(x.dtype).eps
    rotated, s, v = u[:, keep] * s[keep], s[keep], vh[keep].T
    variance = (1 - 1 / len(present)) / len(present)

    solutions = [x.new_zeros(len(s) + 1, len(present))]
    path: list[Logistic] = []
    for l2 in strengths:
        # The solution moves smoothly with log l2: the line through the last two starts nearer than the last.
        start = 2 * solutions[-1] - solutions[-2] if len(path) > 1 else solutions[-1]
        # Saturated answers, or a single class, leave no variance; the intercept has no penalty to stand in.
        scale = torch.cat([(variance * s**2 / n + l2).rsqrt(), x.new_full((1,), max(variance, 1e-6) ** -0.5)])
        design = torch.cat([rotated, x.new_ones(n, 1)], 1) * scale
        penalty = l2 * scale[:, None] ** 2
        penalty[-1] = 0
        z, converged = _minimize(start / scale[:, None], design, truth, penalty)
        probability = torch.softmax(design @ z, 1)
        variance = float((probability * (1 - probability)).mean())
        solutions.append(z * scale[:, None])
        weight = x.new_zeros(x.shape[1], n_classes)
        weight[:, present] = v @ solutions[-1][:-1]
        bias = x.new_full((n_classes,), -math.inf)
        # Adding a constant to every bias changes nothing: the zero-mean one is the one to report.
        bias[present] = solutions[-1][-1] - solutions[-1][-1].mean()
        path.append(Logistic(weight, bias, l2, converged))
    return path


def _minimize(start: Tensor, design: Tensor, truth: Tensor, penalty: Tensor) -> tuple[Tensor, bool]:
    """L-BFGS from start [r + 1, k] on design [n, r + 1], one-hot truth [n, k]; the flag: it converged."""
    z = start.clone()

    def loss_and_gradient() -> Tensor:
        log_p = torch.log_softmax(design @ z, 1)
        shrink = penalty * z
        loss = 0.5 * (shrink * z).sum() - (truth * log_p).sum() / len(design)
        z.grad = torch.addmm(shrink, design.T, log_p.exp_().sub_(truth), alpha=1 / len(design))
        return loss

    optimizer = torch.optim.LBFGS(
        [z],
        max_iter=_MAX_ITERATIONS,
        max_eval=2 * _MAX_ITERATIONS,
        tolerance_grad=_GRADIENT_TOLERANCE,
        tolerance_change=0.0,
        history_size=10,
        line_search_fn="strong_wolfe",
    )
    optimizer.step(loss_and_gradient)  # type: ignore[no-untyped-call]
    # The last gradient the line search took need not be the one at the point it chose.
    loss_and_gradient()
    assert z.grad is not None
    return z, bool(z.grad.abs().max() <= _GRADIENT_TOLERANCE)


def _cross_validate(x: Tensor, y: Tensor, n_classes: int) -> list[tuple[int, float]]:
    """`_scores` summed over the held-out folds of train."""
    if len(y) < FOLDS:
        raise ValueError(f"cross-validation needs at least {FOLDS} training rows, and there are {len(y)}")
    folds = stratified_folds(y)
    totals = [(0, 0.0)] * len(L2_GRID)
    for fold in range(FOLDS):
        held = folds == fold
        standardize = Standardizer.fit(x[~held])
        path = logistic_path(standardize(x[~held]), y[~held], n_classes, L2_GRID)
        scores = _scores(path, standardize(x[held]), y[held])
        totals = [(a + c, b + d) for (a, b), (c, d) in zip(totals, scores, strict=True)]
    return totals


def _scores(path: Sequence[Logistic], x: Tensor, y: Tensor) -> list[tuple[int, float]]:
    """Right answers and summed log-likelihood of each model: the pair by which strengths are compared."""
    scores = []
    for model in path:
        log_p = model(x)
        likelihood = log_p.gather(1, y[:, None])
        scores.append((int((log_p.argmax(1) == y).sum()), float(likelihood[likelihood.isfinite()].sum())))
    return scores


def _check(split: str, x: Tensor, y: Tensor | None, n_classes: int) -> None:
    if x.ndim != 2 or not x.numel():
        raise ValueError(f"{split} embeddings have shape {tuple(x.shape)}, not [n, d]")
    if not x.isfinite().all():
        raise ValueError(f"{split} embeddings are not all finite")
    if y is not None and (y.shape != x.shape[:1] or y.min() < 0 or y.max() >= n_classes):
        raise ValueError(f"{split} labels do not fit {len(x)} embeddings and {n_classes} classes")
