"""Words of captions as numbers, the same for every run of a study.

The text is lower-cased and stripped of `( ) , . ! ? ; : | * "` as in the CaptionStew study. The vocabulary is
that of the first captions of the catalogue by rank, so it depends neither on the sizes asked for nor on the
machine.
"""

import collections
import hashlib
import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from scaling.models.tokens import BEGIN, END, UNKNOWN
from scaling.storage.files import Location, read_json, write_json

SPECIAL = ("[PAD]", "[UNK]", "[BOS]", "[EOS]", "[MASK]")
VOCABULARY = 4096
CAPTIONS = 20_000
_STRIPPED = re.compile(r'[(),.!?;:|*"]+')


def normalized(caption: str) -> str:
    """Lower-case, without punctuation, single spaces; two captions are the same if these are equal."""
    return " ".join(_STRIPPED.sub(" ", caption.lower()).split())


def caption_number(text: str) -> int:
    """A number that two normalized captions share if they are equal (63 bits of a hash)."""
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


class Tokenizer:
    """A word-level vocabulary; words outside it are `[UNK]`.

    `counts` says how often each number was a target in the captions the vocabulary was made of.
    """

    def __init__(self, words: Sequence[str], counts: Sequence[int] = ()) -> None:
        self.words = tuple(words)
        self.counts = tuple(counts) or (0,) * (len(SPECIAL) + len(self.words))
        self._ids = {word: number for number, word in enumerate((*SPECIAL, *self.words))}

    def __len__(self) -> int:
        return len(self._ids)

    @classmethod
    def of_captions(cls, captions: Iterable[str]) -> "Tokenizer":
        """The most frequent words of the captions; equal counts go by the alphabet."""
        written = [normalized(caption).split() for caption in captions]
        counts = collections.Counter(word for words in written for word in words)
        frequent = sorted(counts, key=lambda word: (-counts[word], word))
        words = frequent[: VOCABULARY - len(SPECIAL)]
        known = [counts[word] for word in words]
        special = {UNKNOWN: counts.total() - sum(known), END: len(written)}
        return cls(words, [*(special.get(number, 0) for number in range(len(SPECIAL))), *known])

    @classmethod
    def load(cls, path: Location) -> "Tokenizer":
        fields = read_json(path)
        return cls(fields["words"], fields["counts"])

    def save(self, path: Location) -> None:
        write_json(path, {"words": list(self.words), "counts": list(self.counts)})

    def log_frequencies(self) -> NDArray[np.float32]:
        """The logarithm of how often each number is a target, one added to every count: float32 [vocabulary]."""
        counts = np.array(self.counts) + 1
        frequencies: NDArray[np.float32] = np.log(counts / counts.sum()).astype(np.float32)
        return frequencies

    def words_of(self, text: str) -> list[int]:
        """The numbers of the words of a normalized caption."""
        return [self._ids.get(word, UNKNOWN) for word in text.split()]

    def text(self, numbers: Sequence[int]) -> str:
        """The words that numbers stand for, without special tokens."""
        return " ".join(self.words[number - len(SPECIAL)] for number in numbers if number >= len(SPECIAL))

    def encode(self, caption: str, max_tokens: int) -> list[int]:
        """`[BOS]`, the words, `[EOS]`: at most `max_tokens` numbers, the caption cut where it is longer."""
        return [BEGIN, *self.words_of(normalized(caption))[: max_tokens - 2], END]
