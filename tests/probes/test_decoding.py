"""Beam search against trying every caption."""

import itertools

import pytest
import torch

from scaling.models.decoder import CaptionDecoder
from scaling.models.tokens import BEGIN, END
from scaling.probes.decoding import beam_search

VOCABULARY, LONGEST = 8, 3
WORDS = range(5, VOCABULARY)


@pytest.fixture(scope="module", params=[1, 2])
def decoder(request: pytest.FixtureRequest) -> CaptionDecoder:
    torch.manual_seed(0)
    made = CaptionDecoder(VOCABULARY, 16, request.param, 2, 4)
    with torch.no_grad():
        made.output.weight.mul_(8)
    return made.eval()


def mean_log_probability(decoder: CaptionDecoder, words: tuple[int, ...], frames: torch.Tensor, n: int) -> float:
    tokens = torch.tensor([[BEGIN, *words]])
    with torch.no_grad():
        logits = decoder.logits(decoder.autoregressive(tokens, frames[None, :n], torch.tensor([n])))[0]
    log_p = torch.log_softmax(logits, 1)
    wanted = torch.tensor([*words, END])
    return float(log_p[torch.arange(len(wanted)), wanted].mean())


def test_enough_beams_find_the_best_of_all_captions(decoder: CaptionDecoder):
    frames, lengths = torch.randn(6, 5, 4, generator=torch.Generator().manual_seed(1)), torch.tensor([5, 3, 1, 5, 2, 4])
    every = [words for size in range(1, LONGEST + 1) for words in itertools.product(WORDS, repeat=size)]
    found = beam_search(decoder, frames, lengths, 64, LONGEST)
    for words, clip, n in zip(found, frames, lengths.tolist(), strict=True):
        best = max(every, key=lambda some: mean_log_probability(decoder, some, clip, n))
        assert tuple(words) == best


def test_one_beam_takes_the_likeliest_word_each_time(decoder: CaptionDecoder):
    frames, lengths = torch.randn(4, 5, 4, generator=torch.Generator().manual_seed(2)), torch.tensor([5, 5, 2, 3])
    for words, clip, n in zip(beam_search(decoder, frames, lengths, 1, 6), frames, lengths.tolist(), strict=True):
        so_far: list[int] = []
        while len(so_far) < 6:
            with torch.no_grad():
                tokens = torch.tensor([[BEGIN, *so_far]])
                logits = decoder.logits(decoder.autoregressive(tokens, clip[None, :n], torch.tensor([n])))[0, -1]
            allowed = [*WORDS, END] if so_far else [*WORDS]
            word = max(allowed, key=lambda one: float(logits[one]))
            if word == END:
                break
            so_far.append(word)
        assert words == so_far


def test_a_caption_does_not_depend_on_its_batch_and_is_never_empty(decoder: CaptionDecoder):
    frames, lengths = torch.randn(5, 7, 4, generator=torch.Generator().manual_seed(3)), torch.tensor([7, 1, 4, 2, 6])
    together = beam_search(decoder, frames, lengths, 3, 5)
    alone = [
        beam_search(decoder, f[None, :n], torch.tensor([n]), 3, 5)[0] for f, n in zip(frames, lengths, strict=True)
    ]
    assert together == alone
    assert all(1 <= len(words) <= 5 for words in together)
    with pytest.raises(ValueError, match="0 beams"):
        beam_search(decoder, frames, lengths, 0, 5)
