"""Metrics of generated captions against several references each: BLEU, ROUGE-L both ways, CIDEr-D.

Values are those of the COCO caption evaluation (`pycocoevalcap`), which needs no more than these lines but brings Java.
Captions are lists of words (`caption_words`); candidates and references go by clip.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from scaling.probes.measured import Measured

Words = Sequence[str]

_CLITIC = re.compile(r"(?<=\w)(n't|'(?:s|m|d|re|ve|ll))\b")
_WORD = re.compile(r"n't|'(?:s|m|d|re|ve|ll)\b|\w+(?:[-.'&]\w+)*")
_COCO_BETA = 1.2
_ORDERS = 4
_SIGMA = 6.0


def caption_words(caption: str) -> list[str]:
    """Lower-cased, split as the Penn Treebank does where captions need it ("don't" is do n't), without punctuation."""
    return _WORD.findall(_CLITIC.sub(r" \1", caption.lower()))


def bleu(candidates: Sequence[Words], references: Sequence[Sequence[Words]]) -> list[Measured]:
    """BLEU-1 to BLEU-4 of the corpus (Papineni et al. 2002); the reference of the closest length counts for brevity.

    Counts are summed over clips, so a clip's part is its influence.
    """
    _check(candidates, references)
    counts = np.array([_bleu_counts(one, some) for one, some in zip(candidates, references, strict=True)])
    n, totals = len(counts), counts.sum(axis=0)
    length, wanted = totals[0], totals[1]
    found, asked = totals[2 : 2 + _ORDERS], totals[2 + _ORDERS :]
    if length >= wanted:
        brevity, slope = 0.0, np.zeros(n)
    elif length:
        brevity = 1 - wanted / length
        slope = (wanted * counts[:, 0] / length - counts[:, 1]) / length
    else:
        brevity, slope = -np.inf, np.zeros(n)
    measured, logs, slopes = [], 0.0, np.zeros(n)
    for order in range(_ORDERS):
        if not found[order]:
            # One order without a match makes this and all further ones 0.
            logs = -np.inf
        else:
            logs += math.log(found[order] / asked[order])
            slopes = slopes + counts[:, 2 + order] / found[order] - counts[:, 2 + _ORDERS + order] / asked[order]
        value = float(np.exp(brevity + logs / (order + 1)))
        measured.append(Measured(value, value + n * value * (slope + slopes / (order + 1))))
    return measured


def _bleu_counts(candidate: Words, references: Sequence[Words]) -> list[float]:
    """Words, words of the closest reference, then n-grams of each order that a reference has, then all of them."""
    length = len(candidate)
    closest = min((abs(len(one) - length), len(one)) for one in references)[1]
    found, asked = [], []
    for order in range(1, _ORDERS + 1):
        mine = _grams(candidate, order)
        most: Counter[Words] = Counter()
        for one in references:
            most |= _grams(one, order)
        found.append((mine & most).total())
        asked.append(mine.total())
    return [length, closest, *found, *asked]


def rouge_l(candidates: Sequence[Words], references: Sequence[Sequence[Words]]) -> Measured:
    """The F1 of the longest common subsequence (Lin 2004) with the best reference of each clip, the mean over clips."""
    _check(candidates, references)
    best = [max(_f(*pair, 1.0) for pair in _overlaps(*each)) for each in zip(candidates, references, strict=True)]
    return Measured.mean(np.array(best))


def rouge_l_coco(candidates: Sequence[Words], references: Sequence[Sequence[Words]]) -> Measured:
    """The same as COCO has it: F with beta 1.2 of the greatest precision and the greatest recall, each over all of a
    clip's references."""
    _check(candidates, references)
    found = []
    for each in zip(candidates, references, strict=True):
        precisions, recalls = zip(*_overlaps(*each), strict=True)
        found.append(_f(max(precisions), max(recalls), _COCO_BETA))
    return Measured.mean(np.array(found))


def _overlaps(candidate: Words, references: Sequence[Words]) -> list[tuple[float, float]]:
    """Precision and recall of the longest common subsequence with each reference."""
    common = [_common(candidate, one) for one in references]
    return [(n / max(len(candidate), 1), n / max(len(one), 1)) for n, one in zip(common, references, strict=True)]


def _f(precision: float, recall: float, beta: float) -> float:
    if not precision or not recall:
        return 0.0
    return (1 + beta**2) * precision * recall / (recall + beta**2 * precision)


def _common(one: Words, other: Words) -> int:
    """The length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for word in one:
        before = 0
        for place, against in enumerate(other, start=1):
            before, row[place] = row[place], before + 1 if word == against else max(row[place], row[place - 1])
    return row[-1]


def cider_d(candidates: Sequence[Words], references: Sequence[Sequence[Words]]) -> Measured:
    """CIDEr-D (Vedantam et al. 2015), 0 to 10, the mean over clips; document frequencies are those of these references.

    Of one clip alone it is 0: every n-gram is then in every document. A clip's part knows the frequencies as they are,
    not as other clips would make them.
    """
    _check(candidates, references)
    documents = Counter(gram for some in references for gram in {gram for one in some for gram in _all_grams(one)})
    clips = math.log(len(references))
    scores = []
    for candidate, some in zip(candidates, references, strict=True):
        mine = _weighted(candidate, documents, clips)
        against = [_similarity(mine, _weighted(one, documents, clips)) for one in some]
        # Rounding takes a perfect caption beyond.
        scores.append(min(10 * float(np.mean(against)), 10.0))
    return Measured.mean(np.array(scores))


_Weighted = tuple[list[dict[Words, float]], list[float], int]


def _weighted(words: Words, documents: Counter[Words], clips: float) -> _Weighted:
    """tf-idf weights by order, their norms, and the number of bigrams, which stands for the length."""
    weights: list[dict[Words, float]] = [{} for _ in range(_ORDERS)]
    for gram, count in _all_grams(words).items():
        weights[len(gram) - 1][gram] = count * (clips - math.log(max(1, documents[gram])))
    norms = [math.sqrt(sum(weight**2 for weight in some.values())) for some in weights]
    return weights, norms, max(len(words) - 1, 0)


def _similarity(mine: _Weighted, theirs: _Weighted) -> float:
    (weights, norms, length), (wanted, wanted_norms, wanted_length) = mine, theirs
    closeness = math.exp(-((length - wanted_length) ** 2) / (2 * _SIGMA**2))
    total = 0.0
    for some, norm, others, other in zip(weights, norms, wanted, wanted_norms, strict=True):
        if norm and other:
            shared = sum(min(weight, others.get(gram, 0.0)) * others.get(gram, 0.0) for gram, weight in some.items())
            total += shared / (norm * other)
    return total / _ORDERS * closeness


def _grams(words: Words, order: int) -> Counter[Words]:
    return Counter(tuple(words[place : place + order]) for place in range(len(words) - order + 1))


def _all_grams(words: Words) -> Counter[Words]:
    orders = range(1, _ORDERS + 1)
    return Counter(tuple(words[place : place + n]) for n in orders for place in range(len(words) - n + 1))


def _check(candidates: Sequence[Words], references: Sequence[Sequence[Words]]) -> None:
    if not candidates or len(candidates) != len(references) or not all(references):
        raise ValueError(f"{len(candidates)} candidates and {len(references)} clips with a reference each")
