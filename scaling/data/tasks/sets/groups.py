"""Splits of our own, where a set has none: whole groups, drawn by a hash of their names."""

from collections.abc import Iterable

from scaling.data.keyed import keyed_generator


def split_of_groups(groups: Iterable[str], val: float, test: float, key: str = "split") -> dict[str, str]:
    """The split of each group: shares `val` and `test` of them (at least one each, where there are three groups), the
    others train. A function of the names alone; `key` names the drawing."""
    drawn = sorted(set(groups), key=lambda name: (keyed_generator(key, name).random(), name))
    n = len(drawn)
    tested = max(round(n * test), 1) if n > 1 else 0
    held = max(round(n * val), 1) if n > 2 else 0
    return {
        name: "test" if place < tested else "val" if place < tested + held else "train"
        for place, name in enumerate(drawn)
    }
