"""Another clip for every clip, by which shuffled baselines are heard."""

from collections.abc import Iterable
from typing import TypeVar

from scaling.data.keyed import keyed_generator
from scaling.probes.text_side import SEED

One = TypeVar("One", int, str)


def another(things: Iterable[One], kind: str) -> dict[One, One]:
    """For each of these another one: all stand in one ring, in an order that is drawn, so that none is its own and each
    is another's. (In the order of a store neighbours may be alike.) A function of the things and the kind alone; one
    alone has no other, and is left out."""
    once: list[One] = sorted(set(things))
    ring: list[One] = [
        once[place] for place in keyed_generator("another clip", SEED, kind).permutation(len(once)).tolist()
    ]
    return dict(zip(ring, ring[1:] + ring[:1], strict=True)) if len(ring) > 1 else {}
