"""Random numbers of the embedded corpus: every stream is named by a key, none is shared or global."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

import numpy as np

from scaling.data.keyed import key_number, philox

T = TypeVar("T")


def _number(*key: object) -> int:
    return key_number("/".join(map(str, key)), "little")


def generator(*key: object) -> np.random.Generator:
    """The array stream of this key."""
    return philox(_number(*key))


class Draw:
    """The scalar stream of this key.

    A numpy generator takes 1 to 3 us a scalar; the standard library's takes 0.05, and `random()` is the one
    method whose sequence Python promises to keep, so everything here is built on it alone.
    """

    __slots__ = ("random",)

    def __init__(self, *key: object) -> None:
        self.random = Random(_number(*key)).random

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices, each as likely."""
        return choices[int(self.random() * len(choices))]

    def favour(self, choices: Sequence[T]) -> T:
        """One of the choices, the earlier the likelier: the first of four comes up five times in eight."""
        return choices[int(self.random() ** 3 * len(choices))]

    def between(self, low: float, high: float) -> float:
        """Uniform on [low, high)."""
        return low + (high - low) * self.random()

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self.random() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.random() < probability
