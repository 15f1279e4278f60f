"""Splits of whole groups."""

from collections import Counter

from scaling.data.tasks.sets.groups import split_of_groups


def test_groups_are_split_by_share_and_always_alike():
    names = [f"s{n}" for n in range(91)]
    split = split_of_groups(names, 9 / 91, 19 / 91)
    assert Counter(split.values()) == {"train": 63, "val": 9, "test": 19}
    assert split == split_of_groups(names[::-1] * 2, 9 / 91, 19 / 91)
    assert split != split_of_groups(names, 9 / 91, 19 / 91, "another drawing")


def test_few_groups():
    assert [sorted(split_of_groups("abc"[:n], 0.1, 0.1).values()) for n in range(4)] == [
        [],
        ["train"],
        ["test", "train"],
        ["test", "train", "val"],
    ]
