"""Tagging by words of the captions: which of the words that were mined from all captions does a clip's one hold?"""

from collections.abc import Mapping

import torch
from torch import nn

from scaling.models.batch import Batch
from scaling.models.encoder import Encoder
from scaling.models.pooling import masked_mean
from scaling.models.tokens import END, MASK
from scaling.objectives.objective import Found, Losses, Objective, precise, summed_over_workers, workers
from scaling.objectives.options import TaggingOptions

FIRST_WORD = MASK + 1
"""The number of the most frequent word: those before it are no words."""
LEAST_SHARE, MOST_SHARE = 1e-5, 0.99


class Tagging(Objective):
    """A linear layer over the mean frame and one binary cross-entropy a tag, summed over tags: the mean over the clips
    of all workers. A tag is true of a clip if the caption that was drawn for it holds the word.

    Attributes:
        tags: int64 [tags], the numbers of the words that are tags; a buffer, so that it goes with the weights.
    """

    tags: torch.Tensor

    def __init__(self, options: TaggingOptions, encoder: Encoder, vocabulary: int, classes: Mapping[str, int]) -> None:
        super().__init__(encoder)
        self.common, self.vocabulary = options.common, vocabulary
        count = max(1, min(options.tags, vocabulary - FIRST_WORD))
        # Until the words' frequencies are known: the first ones are the most frequent.
        self.register_buffer("tags", torch.arange(FIRST_WORD, FIRST_WORD + count))
        self.head = nn.Linear(encoder.width, count)

    @torch.no_grad()
    def start_from(self, log_frequencies: torch.Tensor) -> None:
        # Every caption has one end, so this is how many of a word there are in a caption.
        a_caption = (log_frequencies - log_frequencies[END])[FIRST_WORD:].exp()
        # Those that nearly all captions hold come last, and are tags only where there are too few others.
        order = torch.argsort(torch.where(a_caption > self.common, -1.0, a_caption), descending=True, stable=True)
        order = order[: len(self.tags)]
        self.tags.copy_(order + FIRST_WORD)
        # Else the first hundred steps would go into learning how frequent words are.
        self.head.bias.copy_(a_caption[order].clamp(LEAST_SHARE, MOST_SHARE).logit())

    def found(self, batch: Batch) -> Found:
        pooled = masked_mean(*self.encoder(batch["features"], batch["lengths"]))
        held = torch.zeros(len(batch["tokens"]), self.vocabulary, device=pooled.device)
        held.scatter_(1, batch["tokens"], 1.0)
        return {"logits": self.head(pooled), "held": held[:, self.tags]}

    def losses(self, found: Found) -> Losses:
        logits, held = precise(found["logits"]), found["held"]
        lost = nn.functional.binary_cross_entropy_with_logits(logits, held.to(logits.dtype), reduction="sum")
        clips = summed_over_workers(torch.tensor(float(len(held)), device=held.device))
        return {"loss": lost * workers() / clips}
