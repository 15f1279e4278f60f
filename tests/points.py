"""Labelled points."""

import torch
from torch import Tensor


def clusters(n: int, d: int, classes: int, noise: float, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Labelled points around class means, in a rotated basis whose spectrum falls as 1/k."""
    generator = torch.Generator().manual_seed(seed)
    means = torch.randn(classes, d, generator=torch.Generator().manual_seed(99))
    basis = torch.linalg.qr(torch.randn(d, d, generator=torch.Generator().manual_seed(98)))[0]
    y = torch.randint(0, classes, (n,), generator=generator)
    x = means[y] + noise * torch.randn(n, d, generator=generator)
    return (x / torch.arange(1, d + 1)) @ basis + 0.3, y
