"""Captions from a trained decoder, word by word: beam search, which is greedy with one beam."""

from typing import TYPE_CHECKING

import torch

from scaling.models.decoder import CaptionDecoder
from scaling.models.tokens import BEGIN, END, MASK, PAD, UNKNOWN

if TYPE_CHECKING:
    from scaling.models.hub_text import HubDecoder


@torch.no_grad()
def beam_search(
    decoder: "CaptionDecoder | HubDecoder", frames: torch.Tensor, lengths: torch.Tensor, beams: int, longest: int
) -> list[list[int]]:
    """The words of each clip's best caption of at most `longest` words, for frames float32 [n, time, width].

    Captions are compared by the mean log-probability of their words and end. None is empty, and no word is one that
    captions were not trained on. Raises ValueError for fewer than one beam or word.
    """
    if beams < 1 or longest < 1:
        raise ValueError(f"{beams} beams of {longest} words")
    n, device = len(frames), frames.device
    writing = decoder.writing(frames, lengths, beams)
    words = torch.full((n, beams, 1), BEGIN, device=device)
    # All beams of a clip begin alike: one of them alone counts at first.
    scores = torch.full((n, beams), -torch.inf, device=device)
    scores[:, 0] = 0
    ended = torch.zeros(n, beams, dtype=torch.bool, device=device)
    sizes = torch.zeros(n, beams, device=device)
    for step in range(longest + 1):
        step_scores = torch.log_softmax(writing.next(words[..., -1]).float(), 2)
        step_scores[..., [PAD, UNKNOWN, BEGIN, MASK]] = -torch.inf
        if step == 0:
            step_scores[..., END] = -torch.inf
        if step == longest:
            only = torch.full_like(step_scores, -torch.inf)
            only[..., END] = step_scores[..., END]
            step_scores = only
        # What has ended goes on as it is, by one way alone.
        step_scores[ended] = -torch.inf
        step_scores[..., PAD] = torch.where(ended, 0.0, -torch.inf)
        totals = scores[..., None] + step_scores
        counts = sizes + (~ended).float()
        best = (totals / counts[..., None]).reshape(n, -1).topk(beams, dim=1).indices
        parent, word = best // step_scores.shape[2], best % step_scores.shape[2]
        scores = totals.reshape(n, -1).gather(1, best)
        words = torch.cat([words.gather(1, parent[..., None].expand(-1, -1, words.shape[2])), word[..., None]], 2)
        writing.follow(parent)
        sizes = counts.gather(1, parent)
        ended = ended.gather(1, parent) | (word == END)
        if bool(ended.all()):
            break
    final = (scores / sizes.clamp(min=1)).argmax(1)
    chosen = words[torch.arange(n, device=device), final, 1:].tolist()
    return [[word for word in row if word not in (PAD, END)] for row in chosen]
