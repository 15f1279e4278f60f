"""Words of captions as numbers, the same for every run of a study.

The text is lower-cased and stripped of `( ) , . ! ? ; : | * "` as in the CaptionStew study. The vocabulary is
that of the first captions of the catalogue by rank, so it depends neither on the sizes asked for nor on the
machine.
"""

import collections
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from scaling.files import read_json, write_json

PAD, UNKNOWN, BEGIN, END, MASK = range(5)
SPECIAL = ("[PAD]", "[UNK]", "[BOS]", "[EOS]", "[MASK]")
VOCABULARY = 4096
CAPTIONS = 20_000
_STRIPPED = re.compile(r'[(),.!?;:|*"]+')


def normalized(caption: str) -> str:
    """Lower-case, without punctuation, single spaces; two captions are the same if these are equal."""
    return " ".join(_STRIPPED.sub(" ", caption.lower()).split())


class Tokenizer:
    """A word-level vocabulary; words outside it are `[UNK]`."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._ids = {word: number for number, word in enumerate((*SPECIAL, *self.words))}

    def __len__(self) -> int:
        return len(self._ids)

    @classmethod
    def of_captions(cls, captions: Iterable[str]) -> "Tokenizer":
        """The most frequent words of the captions; equal counts go by the alphabet."""
        counts = collections.Counter(word for caption in captions for word in normalized(caption).split())
        frequent = sorted(counts, key=lambda word: (-counts[word], word))
        return cls(frequent[: VOCABULARY - len(SPECIAL)])

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        return cls(read_json(path))

    def save(self, path: Path) -> None:
        write_json(path, list(self.words))

    def encode(self, caption: str, max_tokens: int) -> list[int]:
        """`[BOS]`, the words, `[EOS]`: at most `max_tokens` numbers, the caption cut where it is longer."""
        words = [self._ids.get(word, UNKNOWN) for word in normalized(caption).split()[: max_tokens - 2]]
        return [BEGIN, *words, END]
