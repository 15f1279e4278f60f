"""ScaledAdam (Yao et al. 2024): Adam whose steps go with the size of a parameter, and which learns that size."""

from collections.abc import Iterable
from typing import Any

import torch

Tensors = list[torch.Tensor]

SIZE_PERIOD = 4
"""Steps after which a parameter's size is looked at and changed."""
SIZES_RATE = 0.1
"""The learning rate of sizes, and of parameters that are one number, as a share of the others'."""
SMALLEST, LARGEST = 1e-5, 3.0
"""Limits of a parameter's root mean square."""
GREATEST_NUMBER = 10.0
"""Limit of a parameter that is one number."""
NORMS = 100
EARLY = (10, 20, 40)
"""Clipping goes by the median of the last `NORMS` norms, taken every `NORMS` steps; at these steps for the first time,
and then twice as far off, as norms still change fast."""
EPSILON = 1e-8


class ScaledAdam(torch.optim.Optimizer):
    """Updates do not depend on the scale of the gradient, and little on that of a parameter.

    Gradients, each times the size of its parameter, are cut to a norm of `clip` times the median of late. Nothing in a
    step waits for the device. What is kept of all parameters together lies in the state of the first.
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.98),
        clip: float = 2.0,
    ) -> None:
        super().__init__(groups, {"lr": lr})
        self.betas, self.clip = betas, clip

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        parameters = [(p, group["lr"]) for group in self.param_groups for p in group["params"]]
        several = [(p, rate) for p, rate in parameters if p.numel() > 1]
        single = [(p, rate * SIZES_RATE) for p, rate in parameters if p.numel() == 1]
        ordered: Tensors = [p for p, _ in several + single]
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in ordered]
        common = self._common(ordered, len(several))
        step: int = common["step"]
        self._clip(gradients, common, step)

        deltas = self._adam_steps(ordered, gradients, step)
        torch._foreach_mul_(deltas, [-rate for _, rate in several + single])
        if several:
            self._scale(ordered[: len(several)], gradients, deltas, common, [rate for _, rate in several])
        momenta: Tensors = [self.state[p]["delta"] for p in ordered]
        torch._foreach_mul_(momenta, self.betas[0])
        torch._foreach_add_(momenta, deltas, alpha=1 - self.betas[0])
        torch._foreach_add_(ordered, momenta)
        for p, _ in single:
            p.clamp_(-GREATEST_NUMBER, GREATEST_NUMBER)
        common["step"] = step + 1

    def _common(self, ordered: Tensors, several: int) -> dict[str, Any]:
        """The state that all parameters share."""
        for p in ordered:
            if "delta" not in self.state[p]:
                self.state[p] |= {"delta": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}
        common: dict[str, Any] = self.state[ordered[0]]
        if "step" not in common:
            first = torch.zeros(several, device=ordered[0].device, dtype=ordered[0].dtype)
            common |= {
                "step": 0,
                "sizes": _sizes(ordered[:several]) if several else first,
                "size_gradients": first.repeat(SIZE_PERIOD, 1),
                "size_exp_avg_sq": first,
                "norms": first.new_zeros(NORMS),
                "threshold": first.new_full((), torch.inf),
            }
        return common

    def _clip(self, gradients: Tensors, common: dict[str, Any], step: int) -> None:
        if step == 0:
            return
        several = len(common["sizes"])
        norms = torch.stack(torch._foreach_norm(gradients))
        weights = torch.cat([common["sizes"], norms.new_full((len(norms) - several,), SIZES_RATE)])
        norm = (norms * weights).square().sum().sqrt()
        common["norms"][step % NORMS] = norm
        if step % NORMS == 0 or step in EARLY:
            late = common["norms"] if step % NORMS == 0 else common["norms"][1 : step + 1]
            median = late.sort().values[len(late) // 4 * 2]
            common["threshold"].copy_(median * self.clip * (2.0 if step in EARLY else 1.0))
        torch._foreach_mul_(gradients, (common["threshold"] / (norm + 1e-20)).clamp(max=1.0))

    def _adam_steps(self, ordered: Tensors, gradients: Tensors, step: int) -> Tensors:
        """Gradients by the root of their mean squares."""
        squares: Tensors = [self.state[p]["exp_avg_sq"] for p in ordered]
        torch._foreach_mul_(squares, self.betas[1])
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - self.betas[1])
        correction = 1 - self.betas[1] ** (step + 1)
        roots = torch._foreach_sqrt(squares)
        torch._foreach_mul_(roots, correction**-0.5)
        torch._foreach_add_(roots, EPSILON)
        return list(torch._foreach_div(gradients, roots))

    def _scale(
        self, several: Tensors, gradients: Tensors, deltas: Tensors, common: dict[str, Any], rates: list[float]
    ) -> None:
        """Steps times the sizes of their parameters; every few steps also towards another size."""
        step, sizes = common["step"], common["sizes"]
        products = torch._foreach_mul(several, gradients[: len(several)])
        common["size_gradients"][step % SIZE_PERIOD] = torch.stack([product.sum() for product in products])
        looked = step % SIZE_PERIOD == SIZE_PERIOD - 1
        if looked:
            sizes.copy_(_sizes(several))
        # Those of `several` come first.
        for delta, size in zip(deltas, sizes.clamp(min=SMALLEST).unbind(), strict=False):
            delta.mul_(size)
        if not looked:
            return
        decay = self.betas[1] ** SIZE_PERIOD
        squares = common["size_exp_avg_sq"]
        squares.mul_(decay).add_(common["size_gradients"].square().mean(dim=0), alpha=1 - decay)
        correction = 1 - decay ** ((step + 1) // SIZE_PERIOD)
        rate = torch.tensor(rates, dtype=sizes.dtype).to(sizes.device, non_blocking=True) * SIZES_RATE
        change = -rate * correction**0.5 * common["size_gradients"].sum(dim=0) / (squares.sqrt() + EPSILON)
        change = change.masked_fill(sizes < SMALLEST, 0.0).clamp(-0.1, 0.1)
        change = change.minimum((LARGEST - sizes) / sizes)
        torch._foreach_add_(deltas[: len(several)], [p * by for p, by in zip(several, change.unbind(), strict=True)])


def _sizes(parameters: Tensors) -> torch.Tensor:
    """The root mean square of each parameter."""
    counts = torch.tensor([p.numel() ** -0.5 for p in parameters], dtype=parameters[0].dtype)
    norms = torch.stack(torch._foreach_norm(parameters))
    return norms * counts.to(norms.device, non_blocking=True)
