"""Operations counted: a product of matrices by its formula, forward and backward."""

import torch
from torch import nn

from scaling.models.flops import counted


def test_a_matrix_product_is_two_operations_a_product_and_its_backward_pass_twice_that() -> None:
    x, layer = torch.randn(5, 7), nn.Linear(7, 3, bias=False)
    assert counted(lambda: layer(x)) == 2 * 5 * 7 * 3
    # The gradient of the weights alone: what comes before needs none.
    assert counted(lambda: layer(x).sum().backward()) == 2 * 2 * 5 * 7 * 3
    assert counted(lambda: layer(x.requires_grad_()).sum().backward()) == 3 * 2 * 5 * 7 * 3


def test_attention_on_a_cpu_is_counted() -> None:
    q = torch.randn(1, 2, 4, 8)
    assert counted(lambda: nn.functional.scaled_dot_product_attention(q, q, q)) == 2 * (2 * 4 * 4 * 8) * 2
