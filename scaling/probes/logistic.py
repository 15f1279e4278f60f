"""Logistic regression solved to its optimum: multinomial for one label a row, or a binary one a class for several.

Minimized is the mean cross-entropy + l2 / 2 * |weight|^2 (bias unpenalized); of binary ones the sum over classes, each
of which is then scikit-learn's problem with C = 1 / (n * l2).

Rows are read in blocks, so that logits of 140,000 rows and 1,251 classes never exist at once. Problems up to `EXACT`
products compute in float64; larger ones multiply in float32, sum in float64, and stop at a gradient that hardly moves
an answer.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

EXACT = 2_000_000_000
"""Rows times features times classes: a look at the loss takes seconds beyond."""
_BLOCK = 2**22
"""Logits that exist at once."""
_GRADIENT_TOLERANCE, _LARGE_TOLERANCE = 2e-5, 1e-4
_MAX_ITERATIONS = 1000


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
        blocks = list(torch.split(x, max(1, _BLOCK // x.shape[1])))
        mean = torch.stack([block.double().sum(0) for block in blocks]).sum(0) / len(x)
        squares = torch.stack([(block.double() - mean).square().sum(0) for block in blocks]).sum(0)
        std = (squares / len(x)).sqrt()
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
        """Log-probabilities, float64 [n, n_classes], of standardized features x [n, d], as one label a row has them."""
        return torch.log_softmax(self.logits(x), 1)

    def logits(self, x: Tensor) -> Tensor:
        """Float64 [n, n_classes]; of binary classifiers the log-odds."""
        return x @ self.weight + self.bias


def logistic_path(
    x: Tensor, y: Tensor, n_classes: int, strengths: Sequence[float], standardize: Standardizer | None = None
) -> Iterator[Logistic]:
    """The minimizers, one for each strength.

    x is float [n, d] and used as it is, or as `standardize` makes it; y is int64 [n] for one label a row, or bool
    [n, n_classes] for several. Strengths go from strong to weak, each warm-starting the next.

    The solver is L-BFGS in preconditioned coordinates. The loss's Hessian is at most 1/2 X'X/n for each
    class (Böhning 1992, "Multinomial logistic regression algorithm"), so in the right singular basis of X,
    where the penalty keeps its form, curvature is near diagonal: h * s^2/n + l2, with h the mean softmax
    variance at the warm start. Scaled by its root, a weak penalty on embeddings with a steep spectrum takes
    a tenth of plain L-BFGS's iterations (87 for 1014, measured at l2 = 1e-5 and a 1/k spectrum). The basis
    also has at most n directions, however wide the embedding.
    """
    several = y.ndim == 2
    present = y.any(0).nonzero()[:, 0] if several else torch.unique(y)
    large = len(x) * x.shape[1] * len(present) > EXACT
    rotated, s, v = _rotated(x, standardize, torch.float32 if large else torch.float64)
    problem = _Problem(rotated, y[:, present] if several else torch.searchsorted(present, y), len(present))
    tolerance = _LARGE_TOLERANCE if large else _GRADIENT_TOLERANCE
    variance = 0.25 if several else (1 - 1 / len(present)) / len(present)
    solutions = [s.new_zeros(len(s) + 1, len(present))]
    for number, l2 in enumerate(strengths):
        # The solution moves smoothly with log l2: the line through the last two starts nearer than the last.
        start = 2 * solutions[-1] - solutions[-2] if number > 1 else solutions[-1]
        # Saturated answers, or a single class, leave no variance; the intercept has no penalty to stand in.
        scale = torch.cat([(variance * s**2 / len(x) + l2).rsqrt(), s.new_full((1,), max(variance, 1e-6) ** -0.5)])
        penalty = torch.full_like(scale, l2)
        penalty[-1] = 0
        solved, converged = _minimize(start, problem, scale[:, None], penalty[:, None], tolerance)
        variance = problem.variance(solved)
        solutions = [solutions[-1], solved]
        weight = s.new_zeros(x.shape[1], n_classes)
        weight[:, present] = v @ solved[:-1]
        bias = s.new_full((n_classes,), -math.inf)
        # Adding a constant to every bias of one softmax changes nothing: the zero-mean one is the one to report.
        bias[present] = solved[-1] - (0 if several else solved[-1].mean())
        yield Logistic(weight, bias, l2, converged)


def _rotated(x: Tensor, standardize: Standardizer | None, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """x in its right singular basis, of this type, the singular values and the basis, in float64."""
    n, d = x.shape
    size = max(1, _BLOCK // d)
    prepared: Callable[[Tensor], Tensor] = standardize or Tensor.double
    if n <= d:
        u, s, vh = torch.linalg.svd(prepared(x), full_matrices=False)
        keep = s > s.max() * max(x.shape) * torch.finfo(s.dtype).eps
        return (u[:, keep] * s[keep]).to(dtype), s[keep], vh[keep].T
    gram = x.new_zeros(d, d, dtype=torch.float64)
    for some in torch.split(x, size):
        block = prepared(some)
        gram.addmm_(block.T, block)
    squares, v = torch.linalg.eigh(gram)
    # Squared, what is below the root of the rounding is noise.
    keep = squares > squares.max().clamp(min=0) * max(x.shape) * torch.finfo(squares.dtype).eps
    v = v[:, keep]
    rotated = torch.empty(n, v.shape[1], dtype=dtype, device=x.device)
    for some, out in zip(torch.split(x, size), torch.split(rotated, size), strict=True):
        out.copy_(prepared(some) @ v)
    return rotated, squares[keep].sqrt(), v


class _Problem:
    """Rows [n, r] and targets: int64 [n], or bool [n, k]."""

    def __init__(self, rows: Tensor, targets: Tensor, classes: int) -> None:
        self.rows, self.targets = rows, targets
        self.size = max(1, _BLOCK // classes)

    def _blocks(self, w: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """(rows, targets, logits) of every block, for coefficients [r + 1, k]."""
        slopes, intercepts = w[:-1].to(self.rows.dtype), w[-1].to(self.rows.dtype)
        for rows, targets in zip(torch.split(self.rows, self.size), torch.split(self.targets, self.size), strict=True):
            yield rows, targets, torch.addmm(intercepts, rows, slopes)

    def loss_and_gradient(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy of coefficients float64 [r + 1, k], and its gradient."""
        total, gradient = w.new_zeros(()), torch.zeros_like(w)
        for rows, targets, logits in self._blocks(w):
            if targets.ndim == 2:
                wanted = targets.to(logits.dtype)
                loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
                total += loss.sum(dtype=torch.float64)
                slope = torch.sigmoid(logits).sub_(wanted)
            else:
                log_p = torch.log_softmax(logits, 1)
                total -= log_p.gather(1, targets[:, None]).sum(dtype=torch.float64)
                slope = log_p.exp_()
                slope.scatter_add_(1, targets[:, None], slope.new_full((len(slope), 1), -1.0))
            gradient[:-1] += rows.T @ slope
            gradient[-1] += slope.sum(0)
        return total / len(self.rows), gradient / len(self.rows)

    def variance(self, w: Tensor) -> float:
        """The mean of p (1 - p) over rows and classes."""
        total = 0.0
        for _, targets, logits in self._blocks(w):
            p = torch.sigmoid(logits) if targets.ndim == 2 else torch.softmax(logits, 1)
            total += float((p * (1 - p)).sum(dtype=torch.float64))
        return total / (len(self.rows) * w.shape[1])


def _minimize(
    start: Tensor, problem: _Problem, scale: Tensor, penalty: Tensor, tolerance: float
) -> tuple[Tensor, bool]:
    """L-BFGS from coefficients [r + 1, k], over coefficients / scale; the flag: it converged."""
    z = start / scale

    def loss_and_gradient() -> Tensor:
        w = z * scale
        loss, gradient = problem.loss_and_gradient(w)
        shrink = penalty * w
        z.grad = (gradient + shrink) * scale
        return loss + 0.5 * (shrink * w).sum()

    optimizer = torch.optim.LBFGS(
        [z],
        max_iter=_MAX_ITERATIONS,
        max_eval=2 * _MAX_ITERATIONS,
        tolerance_grad=tolerance,
        tolerance_change=0.0,
        history_size=10,
        line_search_fn="strong_wolfe",
    )
    optimizer.step(loss_and_gradient)  # type: ignore[no-untyped-call]
    # The last gradient the line search took need not be the one at the point it chose.
    loss_and_gradient()
    assert z.grad is not None
    return z * scale, bool(z.grad.abs().max() <= tolerance)
