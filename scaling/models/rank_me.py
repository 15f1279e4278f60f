"""RankMe: the effective rank of embeddings, a measure of an encoder that needs no label."""

import torch


def rank_me(embeddings: torch.Tensor) -> float:
    """The exponential of the entropy of the normalized singular values of embeddings float [n, d] (Garrido et al. 2023,
    "RankMe"): 1 where all lie on a line through 0, at most min(n, d). They are taken as they are, not centred.

    Raises ValueError where there is none, or one is not finite.
    """
    if not embeddings.numel() or not embeddings.isfinite().all():
        raise ValueError("a rank is of finite embeddings")
    x = embeddings.double()
    # Of the smaller Gram matrix: squared singular values, without the vectors.
    gram = x.T @ x if len(x) >= x.shape[1] else x @ x.T
    singular = torch.linalg.eigvalsh(gram).clamp(min=0).sqrt()
    if not singular.any():
        return 0.0
    p = singular / singular.sum() + 1e-7
    return float(torch.exp(-(p * p.log()).sum()))
