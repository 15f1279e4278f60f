"""Streams are named by their keys."""

import numpy as np

from scaling.data.keyed import key_number, keyed_generator


def test_equal_keys_draw_alike_and_others_do_not():
    one, same, other = (keyed_generator(*key).random(8) for key in (("clip", 0, 1), ("clip", 0, 1), ("clip", 1, 0)))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_the_streams_are_pinned():
    """Other numbers would be other subsets, crops and captions under the same names of runs."""
    assert keyed_generator("order", 0, 1).permutation(8).tolist() == [4, 6, 0, 1, 5, 3, 7, 2]
    assert key_number("a", "big") == int.from_bytes(key_number("a", "little").to_bytes(16, "little"), "big")
