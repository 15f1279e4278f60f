"""Caption metrics against golden values of pycocoevalcap 1.2, and their influences against counting again."""

import random

import pytest

from scaling.probes.caption_metrics import bleu, caption_words, cider_d, rouge_l, rouge_l_coco

CANDIDATES = [text.split() for text in ("a man is speaking", "rain falls")]
REFERENCES = [
    [
        text.split()
        for text in (
            "a man speaks",
            "someone speaks",
            "a man is speaking while a bird is chirping in the background",
        )
    ],
    [["rain", "is", "falling", "hard", "on", "a", "surface"]],
]
EVERY = (
    *(lambda c, r, n=n: bleu(c, r)[n] for n in range(4)),
    rouge_l,
    rouge_l_coco,
    cider_d,
)


def test_golden_values():
    assert [one.value for one in bleu(CANDIDATES, REFERENCES)] == pytest.approx(
        [0.427848, 0.405892, 0.438965, 0.4565], abs=1e-6
    )
    assert rouge_l_coco(CANDIDATES, REFERENCES).parts == pytest.approx([0.772152, 0.201987], abs=1e-6)
    cider = cider_d(CANDIDATES, REFERENCES)
    assert cider.parts == pytest.approx([1.364055, 0.558655], abs=1e-6)
    assert cider.value == pytest.approx(0.961355, abs=1e-6)


def test_plain_rouge_is_the_f1_with_the_best_reference():
    # "a man" of four and of three words; one word of two and of seven.
    assert rouge_l(CANDIDATES, REFERENCES).parts == pytest.approx([2 * 2 / (4 + 3), 2 * 1 / (2 + 7)])


def test_special_cases_of_the_definitions():
    # Every n-gram of a single clip is in every document.
    assert cider_d([["rain"]], [[["rain"]]]).value == 0
    # A perfect caption of one word has no bigrams and beyond.
    one, other = cider_d([["rain"], ["wind"]], [[["rain"]], [["wind"]]]).parts
    assert one == other == pytest.approx(2.5)
    assert [metric(CANDIDATES, [[one] for one in CANDIDATES]).value for metric in EVERY[:2]] == [1.0, 1.0]
    for metric in EVERY:
        assert metric([[], []], REFERENCES).value == 0


def test_bleu_without_a_match_of_an_order_is_zero_from_there_on():
    values = [one.value for one in bleu([["a", "b", "c"]], [[["a", "b", "d"]]])]
    assert values[:2] == pytest.approx([2 / 3, 3**-0.5])
    assert values[2:] == [0, 0]


@pytest.mark.parametrize("order", range(2))
def test_the_influence_of_a_clip_on_bleu_is_what_counting_it_more_often_changes(order: int):
    candidates, references = CANDIDATES * 50, REFERENCES * 50
    whole = bleu(candidates, references)[order]
    assert whole.parts.mean() == pytest.approx(whole.value)
    for clip in range(2):
        more = bleu([*candidates, CANDIDATES[clip]], [*references, REFERENCES[clip]])[order].value
        assert 101 * (more - whole.value) == pytest.approx(whole.parts[clip] - whole.value, rel=0.02)


def test_words_are_lower_case_without_punctuation_and_split_as_the_treebank_does():
    assert caption_words('A man doesn\'t speak; the dog\'s "high-pitched" bark, then... rain!') == [
        "a", "man", "does", "n't", "speak", "the", "dog", "'s", "high-pitched", "bark", "then", "rain",
    ]  # fmt: skip


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="a reference each"):
        rouge_l(CANDIDATES, [REFERENCES[0], []])


def test_perfect_captions_have_ten_at_most():
    draw = random.Random(0)
    words = [f"word {number}" for number in range(16)]
    for _ in range(200):
        said = [draw.choices(words, k=draw.randint(4, 20)) for _ in range(5)]
        assert max(cider_d(said, [[one] for one in said]).parts) <= 10
