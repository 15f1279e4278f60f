"""Numbers of tokens that mean the same in every vocabulary."""

from collections.abc import Sequence

PAD, UNKNOWN, BEGIN, END, MASK = range(5)
SPECIAL = 5


def own_numbers(special: Sequence[int], size: int) -> list[int]:
    """The number that a public vocabulary of `size` tokens has for each of ours: a permutation.

    `special` are its numbers of padding, unknown, begin, end and mask. Tokens that neither vocabulary has among these
    keep their number. Without `special` all do.
    """
    own = list(range(size))
    for ours, theirs in enumerate(special):
        at = own.index(theirs)
        own[ours], own[at] = own[at], own[ours]
    return own
