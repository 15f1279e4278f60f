"""The probe of captions by a trained decoder: it reads frozen frames through cross-attention and writes captions."""

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import torch
from torch import nn

from scaling.data.tasks.task import CAPTIONING, RETRIEVAL, Task
from scaling.models.decoder import CaptionDecoder
from scaling.models.tokens import PAD
from scaling.probes.another import another
from scaling.probes.answers import Answers, Subject, scored
from scaling.probes.attention import Clips
from scaling.probes.caption_metrics import bleu, caption_words, cider_d, rouge_l, rouge_l_coco
from scaling.probes.decoding import beam_search
from scaling.probes.measured import Measured
from scaling.probes.text_side import ATTENTION_HEADS, LAYERS, Budget, Pairs, seeded, trained

if TYPE_CHECKING:
    from scaling.models.hub_text import HubDecoder

WIDTH = 64
BUDGET = Budget(batch=32, passes=9, fewest=150, rate=5e-3, public_rate=3e-4)
BEAMS = 4
SMOOTHING = 0.1


class Captioner(nn.Module):
    """A decoder of standardized frames."""

    mean: torch.Tensor
    inverse_std: torch.Tensor

    def __init__(self, decoder: "CaptionDecoder | HubDecoder", moments: tuple[torch.Tensor, torch.Tensor]) -> None:
        super().__init__()
        self.decoder = decoder
        self.register_buffer("mean", moments[0])
        self.register_buffer("inverse_std", moments[1])

    def loss(self, frames: torch.Tensor, lengths: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """The label-smoothed cross-entropy of the next word, the mean over words."""
        wanted = tokens[:, 1:]
        states = self.decoder.autoregressive(tokens[:, :-1], self.heard(frames), lengths)
        there = wanted != PAD
        logits = self.decoder.logits(states[there])
        return nn.functional.cross_entropy(logits, wanted[there], label_smoothing=SMOOTHING)

    def heard(self, frames: torch.Tensor) -> torch.Tensor:
        """Standardized frames [n, time, width]."""
        return (frames - self.mean) * self.inverse_std


def captioning_task(task: Task) -> Task:
    """The task of writing the captions that another one retrieves."""
    return replace(task, name=task.name.replace(RETRIEVAL, CAPTIONING, 1))


def text_captioning(task: Task, subject: Subject) -> Answers:
    """Trained on the training clips' captions; test clips are captioned by `BEAMS` beams (pooling `text`), greedily
    (`text-greedy`), and each with another clip's caption (`text-shuffled`), which says what words alone earn."""
    assert subject.frames is not None
    pairs = Pairs.of(task, subject, "decoder", BUDGET)
    moments, public, width = pairs.clips.moments(), pairs.public, pairs.clips.frames.width

    def decoder() -> "CaptionDecoder | HubDecoder":
        if public:
            return public.decoder(width)
        return CaptionDecoder(len(pairs.tokenizer), WIDTH, LAYERS, ATTENTION_HEADS, width)

    captioner = seeded(lambda: Captioner(decoder(), moments), "captioning")
    assert isinstance(captioner, Captioner)
    captioner.to(subject.device)

    def loss(step: int) -> torch.Tensor:
        rows, captions = pairs.drawn(step)
        return captioner.loss(*pairs.clips.batch(rows), pairs.tokens(captions))

    rates, slow = (BUDGET.rate, BUDGET.public_rate), captioner.decoder if public else None
    trained(f"{task.name}-captioning", captioner, loss, pairs.steps, pairs.digest(moments), subject.work, rates, slow)
    test = subject.labelled.split(task.name, "test")
    heard = Clips(subject.frames, test.places, subject.device)
    references = [subject.labelled.captions(place) for place in test.places.tolist()]
    note = ", ".join(filter(None, (pairs.note, task.note)))
    found = []
    written: dict[str, list[str]] = {}
    for pooling, beams in (("text", BEAMS), ("text-greedy", 1)):
        written[pooling] = [
            pairs.tokenizer.text(words)
            for frames, lengths in heard.blocks()
            for words in beam_search(captioner.decoder, captioner.heard(frames), lengths, beams, pairs.longest - 2)
        ]
        found.append(captioned(task, pooling, test.ids, written[pooling], references, note))
    if others := another(test.ids, "captions"):
        of = dict(zip(test.ids, written["text"], strict=True))
        shuffled = [of[others[clip]] for clip in test.ids]
        found.append(captioned(task, "text-shuffled", test.ids, shuffled, references, note))
    return [score for scores, _ in found for score in scores], pl.concat([table for _, table in found])


def captioned(
    task: Task, pooling: str, clips: list[str], written: list[str], references: list[list[str]], note: str = ""
) -> Answers:
    """Every metric of one caption a clip against all of its references."""
    candidates = [caption_words(text) for text in written]
    known = [[caption_words(text) for text in some] for some in references]
    measured: dict[str, Measured] = {f"bleu_{n}": one for n, one in enumerate(bleu(candidates, known), start=1)}
    measured |= {"rouge_l": rouge_l(candidates, known), "rouge_l_coco": rouge_l_coco(candidates, known)}
    measured["cider_d"] = cider_d(candidates, known)
    truths = [some[0] for some in references]
    to = captioning_task(task)
    answers = [scored(to, pooling, name, one, clips, truths, written, note) for name, one in measured.items()]
    return [score for scores, _ in answers for score in scores], pl.concat([table for _, table in answers])
