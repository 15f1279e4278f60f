"""Pieces of words as numbers: a public model's own tokenizer, or a byte-level BPE of the study's captions.

Captions are normalized first (`tokenizer.normalized`), as in the CaptionStew study, whichever tokenizer reads them;
what stands in them for a special token is text like any other. Special tokens have this project's numbers
(`models.tokens`): a network whose vocabulary has others is told them by its options.
"""

import functools
import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer as Pieces
from tokenizers import decoders, models, pre_tokenizers, trainers

from scaling.data.tokenizer import SPECIAL, normalized
from scaling.errors import StudyError
from scaling.models.tokens import BEGIN, END, own_numbers

# Threads of its own would take the cores that train, and are lost in a fork.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

KEPT = 2**16
"""Captions whose numbers a process keeps: all that a small study draws, again and again."""


class Subwords:
    """A tokenizer of the `tokenizers` library (as JSON); `special` are its numbers of padding, unknown, begin, end and
    mask, where they are not this project's; `captions` are those that its numbers are counted in.

    Raises `StudyError` where that is no tokenizer.
    """

    def __init__(self, described: str, special: Sequence[int] = (), captions: Sequence[str] = ()) -> None:
        try:
            self._pieces = Pieces.from_str(described)
        # The library raises plain exceptions for whatever it stumbles over.
        except Exception as error:
            raise StudyError(f"this is no tokenizer: {str(error).splitlines()[0][:200]}") from None
        self._pieces.no_truncation()
        self._pieces.no_padding()
        self._pieces.encode_special_tokens = True
        # There may be numbers that no token has.
        self._size = 1 + max(self._pieces.get_vocab().values(), default=0)
        self._captions = captions
        own = np.array(own_numbers(special, self._size))
        self._theirs, self._ours = own, np.argsort(own)
        self._words_of = functools.lru_cache(KEPT)(self._read)

    def __len__(self) -> int:
        return self._size

    @classmethod
    def of_captions(cls, captions: Sequence[str], size: int) -> "Subwords":
        """A byte-level BPE of at most `size` tokens (Sennrich et al. 2016; on bytes, so that no caption has what it
        does not know), special ones first. It depends on the captions and their order alone."""
        pieces = Pieces(models.BPE())
        pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        pieces.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            special_tokens=list(SPECIAL),
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        pieces.train_from_iterator(map(normalized, captions), trainer)
        return cls(pieces.to_str(), captions=captions)

    def described(self) -> str:
        """The tokenizer as JSON, which makes it again."""
        return str(self._pieces.to_str())

    def words_of(self, text: str) -> list[int]:
        """The numbers of the pieces of a normalized caption."""
        return self._words_of(text)

    def encode(self, caption: str, max_tokens: int) -> list[int]:
        """`[BOS]`, the pieces, `[EOS]`: at most `max_tokens` numbers, the caption cut where it is longer."""
        return [BEGIN, *self.words_of(normalized(caption))[: max_tokens - 2], END]

    def text(self, numbers: Sequence[int]) -> str:
        """The caption that numbers stand for, without special tokens."""
        words = [int(self._theirs[number]) for number in numbers if number >= len(SPECIAL)]
        return str(self._pieces.decode(words)).strip()

    def log_frequencies(self) -> NDArray[np.float32]:
        """The logarithm of how often each number is a target in the captions, one added to every count: float32
        [vocabulary]."""
        counts = np.ones(self._size)
        for caption in self._captions:
            np.add.at(counts, [*self._read(normalized(caption)), END], 1)
        frequencies: NDArray[np.float32] = np.log(counts / counts.sum()).astype(np.float32)
        return frequencies

    def _read(self, text: str) -> list[int]:
        found: list[int] = self._ours[self._pieces.encode(text, add_special_tokens=False).ids].tolist()
        return found
