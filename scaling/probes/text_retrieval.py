"""The probe of captions by a trained text side: a text encoder and a projection of each side, against frozen frames."""

from typing import TYPE_CHECKING

import torch
from torch import nn

from scaling.data.tasks.task import Task
from scaling.data.tokenizer import caption_number
from scaling.models.pooling import masked_mean
from scaling.models.text import TextEncoder
from scaling.objectives.contrastive import info_nce
from scaling.objectives.objective import alone
from scaling.probes.answers import Answers, Subject, retrieved
from scaling.probes.attention import BATCH as BLOCK
from scaling.probes.attention import Clips
from scaling.probes.retrieval import Pool, retrieve
from scaling.probes.text_side import ATTENTION_HEADS, LAYERS, Budget, Pairs, seeded, trained

if TYPE_CHECKING:
    from scaling.models.hub_text import HubTextEncoder

TEMPERATURE = 0.07
WIDTH = 128
BUDGET = Budget(batch=64, passes=8, fewest=60, rate=3e-3, public_rate=5e-5)


class TextSide(nn.Module):
    """Standardized frames are projected one by one and averaged, captions encoded and projected, both to unit vectors
    of one space."""

    mean: torch.Tensor
    inverse_std: torch.Tensor

    def __init__(
        self, width: int, text: "TextEncoder | HubTextEncoder", moments: tuple[torch.Tensor, torch.Tensor]
    ) -> None:
        super().__init__()
        self.text = text
        self.audio_projection = nn.Sequential(nn.Linear(width, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))
        self.text_projection = nn.Sequential(nn.Linear(text.width, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))
        self.register_buffer("mean", moments[0])
        self.register_buffer("inverse_std", moments[1])

    def embed_audio(self, frames: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Frames [n, time, width] and lengths [n] to [n, joint]."""
        projected = self.audio_projection((frames - self.mean) * self.inverse_std)
        return nn.functional.normalize(masked_mean(projected, lengths), dim=-1)

    def embed_text(self, tokens: torch.Tensor) -> torch.Tensor:
        """Tokens int64 [n, length] to [n, joint]."""
        return nn.functional.normalize(self.text_projection(self.text(tokens)), dim=-1)


def text_retrieval(task: Task, subject: Subject) -> Answers:
    """Trained by symmetric InfoNCE on the training clips, equal captions positives of each other; then retrieval both
    ways by cosine."""
    assert subject.frames is not None
    pairs = Pairs.of(task, subject, "encoder", BUDGET)
    moments, public = pairs.clips.moments(), pairs.public

    def text() -> "TextEncoder | HubTextEncoder":
        return public.encoder() if public else TextEncoder(len(pairs.tokenizer), WIDTH, LAYERS, ATTENTION_HEADS)

    side = seeded(lambda: TextSide(pairs.clips.frames.width, text(), moments), "retrieval")
    assert isinstance(side, TextSide)
    side.to(subject.device)

    def loss(step: int) -> torch.Tensor:
        rows, captions = pairs.drawn(step)
        same = torch.tensor([caption_number(caption) for caption in captions], device=subject.device)
        audio, words = side.embed_audio(*pairs.clips.batch(rows)), side.embed_text(pairs.tokens(captions))
        # Other workers of the run's group are not here.
        with alone():
            return info_nce(audio, words, same, TEMPERATURE)[0]

    rates, slow = (BUDGET.rate, BUDGET.public_rate), side.text if public else None
    trained(f"{task.name}-retrieval", side, loss, pairs.steps, pairs.digest(moments), subject.work, rates, slow)
    test = subject.labelled.split(task.name, "test")
    pool = Pool.of(test.ids, [subject.labelled.captions(place) for place in test.places.tolist()])
    with torch.no_grad():
        heard = Clips(subject.frames, test.places, subject.device)
        audio = torch.cat([side.embed_audio(*block) for block in heard.blocks()])
        captions = list(pool.captions)
        some = [captions[first : first + BLOCK] for first in range(0, len(captions), BLOCK)]
        words = torch.cat([side.embed_text(pairs.tokens(each)) for each in some])
    return retrieved(task, "text", retrieve(pool, audio.cpu(), words.cpu()), pairs.note)
