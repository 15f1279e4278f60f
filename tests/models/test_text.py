"""The text encoder: padding is nothing, order is something."""

import torch
from tiny import random_batch

from scaling.models.text import TextEncoder


def test_padding_changes_no_caption() -> None:
    text = TextEncoder(30, 16, 2, 2)
    tokens = random_batch(6)["tokens"]
    for row, vector in zip(tokens, text(tokens), strict=True):
        torch.testing.assert_close(text(row[row != 0][None])[0], vector, atol=1e-5, rtol=0)


def test_the_order_of_words_is_heard() -> None:
    one, other = TextEncoder(30, 16, 1, 2)(torch.tensor([[2, 7, 8, 3], [2, 8, 7, 3]]))
    assert not torch.allclose(one, other, atol=1e-4)
