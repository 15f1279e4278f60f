"""RankMe against its definition, and known ranks."""

import math

import pytest
import torch

from scaling.models.rank_me import rank_me


def test_it_is_the_entropy_of_singular_values():
    x = torch.randn(40, 7, generator=torch.Generator().manual_seed(0))
    p = torch.linalg.svdvals(x.double())
    p = p / p.sum()
    expected = math.exp(-float((p * p.log()).sum()))
    assert rank_me(x) == pytest.approx(expected, rel=1e-4)
    assert rank_me(x.T) == pytest.approx(expected, rel=1e-4)
    assert rank_me(100 * x) == pytest.approx(expected, rel=1e-4)


def test_known_ranks():
    assert rank_me(torch.eye(5)) == pytest.approx(5, rel=1e-4)
    assert rank_me(torch.ones(30, 6)) == pytest.approx(1, rel=1e-4)
    assert rank_me(torch.zeros(3, 2)) == 0
    with pytest.raises(ValueError, match="finite"):
        rank_me(torch.full((2, 2), math.nan))
