"""Random streams that are named by a key: none is shared or global, and none depends on what was drawn before."""

from hashlib import blake2b
from typing import Literal

import numpy as np


def key_number(key: str, order: Literal["big", "little"]) -> int:
    """128 bits that depend on every part of the key and on nothing else; `order` is how its bytes are read."""
    return int.from_bytes(blake2b(key.encode(), digest_size=16).digest(), order)


def philox(number: int) -> np.random.Generator:
    """The array stream of a number: counter based, so it costs the same for the first clip and the last."""
    return np.random.Generator(np.random.Philox(key=number))


def keyed_generator(*key: int | str) -> np.random.Generator:
    """A random generator that is a function of its key and nothing else."""
    return philox(key_number(repr(key), "big"))
