"""The probe of questions: a frozen language model hears frozen frames through an adapter, and chooses.

The adapter stacks `STACK` frames, and two linear layers with a ReLU between them make one embedding of the language
model of each stack; it stands where words would, before the question. The adapter alone is trained, on the right
answers of training questions. An answer is the choice whose words are likeliest, by the mean log-probability of their
tokens, over all cyclic orders in which the question can name its choices; nothing is generated.

The language model is named by the task, or a small one that is trained here on the training questions as text: half of
them with a caption of their clip, where it has any, in the place of what is heard, so that it has learned to look
there. Asked without anything to hear, it gives the text-only score. What it learns does not depend on the encoder: it
is trained once for all runs of a study (`once.py`).

Beside the score of what is heard (pooling `text`) stand that of another clip's audio, of a clip that is asked the same
kind of question (`text-shuffled`), of no audio (`text-only`) and of each kind's commonest right answer in training
(`text-majority`). A clip that cannot be heard is asked without audio, and counts.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from scaling.data.keyed import keyed_generator
from scaling.data.subwords import Subwords
from scaling.data.tasks.question import Question
from scaling.data.tasks.task import Task
from scaling.models.language import LanguageModel, named_model, small_model
from scaling.models.tokens import BEGIN
from scaling.probes.answers import Answers, Subject
from scaling.probes.asked import Item, items_of, majority, outcome, shuffled
from scaling.probes.attention import Clips
from scaling.probes.measured import Floats
from scaling.probes.once import Made, once
from scaling.probes.text_side import SEED, seeded, trained

STACK = 4
BATCH, RATE, WORDS_RATE = 64, 3e-3, 1e-3
PASSES, FEWEST_STEPS = 3, 100
WORDS_PASSES, WORDS_STEPS = 10, 400
"""Of the small language model."""
VOCABULARY = 1024
LONGEST = 256
"""Tokens of a caption that stands in the place of what is heard."""
CASES = 256
"""Questions, each order for itself, that are read at once."""
KEPT = 4
"""Language models that a process keeps."""

_kept: dict[str, tuple[LanguageModel, float]] = {}


class Adapter(nn.Module):
    """Standardized frames [n, time, width] and lengths to the embeddings of each clip, [stacks, width of the language
    model]."""

    mean: torch.Tensor
    inverse_std: torch.Tensor

    def __init__(self, width: int, wide: int, moments: tuple[torch.Tensor, torch.Tensor]) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(STACK * width, wide), nn.ReLU(), nn.Linear(wide, wide))
        self.register_buffer("mean", moments[0])
        self.register_buffer("inverse_std", moments[1])

    def forward(self, frames: torch.Tensor, lengths: torch.Tensor) -> list[torch.Tensor]:
        inside = torch.arange(frames.shape[1], device=frames.device) < lengths[:, None]
        heard = ((frames - self.mean) * self.inverse_std).masked_fill(~inside[..., None], 0.0)
        heard = nn.functional.pad(heard, (0, 0, 0, -frames.shape[1] % STACK))
        embedded = self.layers(heard.reshape(len(heard), heard.shape[1] // STACK, -1))
        return [one[: max(-(-int(length) // STACK), 1)] for one, length in zip(embedded, lengths, strict=True)]


def questions(task: Task, subject: Subject) -> Answers:
    """Trained on training questions, or in turn on all folds but one, whose questions are then asked."""
    assert subject.frames is not None
    folds = subject.labelled.folds(task.name)
    parts = [(fold, [other for other in folds if other != fold]) for fold in folds] or [("test", ["train"])]
    items: list[Item] = []
    answers: dict[str, list[int]] = {}
    steps = set()
    for number, (asked, given) in enumerate(parts):
        train = [item for split in given for item in items_of(subject.labelled, task.name, split)]
        test = items_of(subject.labelled, task.name, asked)
        name = f"{task.name}-{number}" if folds else task.name
        model = _language_model(task, name, train, subject)
        adapter, taken = _adapter(name, model, train, subject)
        steps.add(taken)
        asking = Asking(model, adapter, subject)
        others = shuffled(test)
        for pooling, chosen in (
            ("text", asking.answers(test, [item.place for item in test])),
            ("text-shuffled", asking.answers(test, others)),
            ("text-only", asking.answers(test, [None] * len(test))),
            ("text-majority", majority(train, test)),
        ):
            answers.setdefault(pooling, []).extend(chosen)
        items += test
    unheard = sum(item.place is None for item in items)
    notes = [f"{max(steps)} steps, one probe seed", task.note]
    notes.append(f"{unheard} questions asked without their audio" if unheard else "")
    return outcome(task, items, answers, ", ".join(filter(None, notes)))


def prompt(question: Question, turn: int) -> str:
    """What is read after what is heard: the question, and its choices from the one at `turn` on."""
    choices = question.choices[turn:] + question.choices[:turn]
    return f" Question: {question.text} Choices: {'; '.join(choices)}. Answer:"


class Asking:
    """Questions to a language model through an adapter."""

    def __init__(self, model: LanguageModel, adapter: Adapter, subject: Subject) -> None:
        self.model, self.adapter, self.subject = model, adapter, subject

    @torch.no_grad()
    def answers(self, items: Sequence[Item], places: Sequence[int | None]) -> list[int]:
        """The place of the likeliest choice of each question, about the clip at each place."""
        cases = [(row, turn) for row, item in enumerate(items) for turn in range(len(item.question.choices))]
        sums = [np.zeros(len(item.question.choices)) for item in items]
        # Of like length, side by side.
        cases.sort(key=lambda case: (len(prompt(items[case[0]].question, 0)), case))
        for first in range(0, len(cases), CASES):
            some = cases[first : first + CASES]
            heard = self._heard({place for row, _ in some if (place := places[row]) is not None})
            read = [_read(self.model, heard.get(places[row]), prompt(items[row].question, turn)) for row, turn in some]
            said = [[self.model.numbers(f" {choice}") for choice in items[row].question.choices] for row, _ in some]
            for (row, _), found in zip(some, self.model.likelihoods(read, said), strict=True):
                sums[row] += np.array([float(one) for one in found])
        return [int(one.argmax()) for one in sums]

    def _heard(self, places: set[int]) -> dict[int | None, torch.Tensor]:
        if not places:
            return {}
        assert self.subject.frames is not None
        frames, lengths = self.subject.frames.batch(sorted(places))
        device = self.subject.device
        return dict(zip(sorted(places), self.adapter(frames.to(device), lengths.to(device)), strict=True))


def _read(model: LanguageModel, heard: torch.Tensor | None, text: str) -> torch.Tensor:
    """What comes before an answer, as embeddings [length, width]."""
    begin, rest = model.begin, model.numbers(text)
    if heard is None:
        return model.embedded([*begin, *rest])
    embedded = model.embedded([*begin, *rest])
    return torch.cat([embedded[: len(begin)], heard.to(embedded.dtype), embedded[len(begin) :]])


def _adapter(name: str, model: LanguageModel, train: list[Item], subject: Subject) -> tuple[Adapter, int]:
    """An adapter that is trained on the questions that can be heard, and in how many steps."""
    assert subject.frames is not None
    heard = [item for item in train if item.place is not None]
    clips = Clips(subject.frames, np.array([item.place for item in heard]), subject.device)
    moments = clips.moments()
    adapter = seeded(lambda: Adapter(clips.frames.width, model.width, moments), "answering")
    assert isinstance(adapter, Adapter)
    adapter.to(subject.device)
    steps = max(FEWEST_STEPS, PASSES * -(-len(heard) // BATCH))

    def loss(step: int) -> torch.Tensor:
        rows, turns, _ = _drawn(len(heard), step)
        asked = [heard[row].question for row in rows.tolist()]
        embedded = adapter(*clips.batch(rows))
        return _loss(model, asked, turns, embedded)

    said = _digest([item.question.label() for item in heard], [one.cpu().numpy().tobytes() for one in moments])
    trained(f"{name}-adapter", adapter, loss, steps, f"{said} {steps} {_digest_of(model)}", subject.work, (RATE, RATE))
    return adapter, steps


def _language_model(task: Task, name: str, train: list[Item], subject: Subject) -> LanguageModel:
    """The task's language model, or a small one that is trained on the questions as text."""
    if task.model:
        key = f"{task.model} {subject.device}"
        return _remembered(key, lambda: (named_model(task.model, subject.device), 0.0))[0]
    captions = [[] if item.place is None else subject.labelled.captions(item.place) for item in train]
    said = _digest([item.question.label() for item in train], ["\n".join(some).encode() for some in captions])
    steps = max(WORDS_STEPS, WORDS_PASSES * -(-len(train) // BATCH))

    def make() -> Made:
        """Its weights, its words, and what its training took."""
        texts = [f"{prompt(item.question, 0)} {' '.join(item.question.choices)}" for item in train]
        words = Subwords.of_captions([*texts, *(caption for some in captions for caption in some)], VOCABULARY)
        small = seeded(lambda: small_model(len(words)), "language model").to(subject.device)
        model = _small(small, words)

        def loss(step: int) -> torch.Tensor:
            rows, turns, draws = _drawn(len(train), step)
            read: list[torch.Tensor | None] = []
            for row, draw in zip(rows.tolist(), draws.tolist(), strict=True):
                some = captions[row]
                # In half of the cases, one of the captions.
                which = int(draw * 2 * len(some))
                read.append(model.embedded(model.numbers(some[which])[:LONGEST]) if which < len(some) else None)
            return _loss(model, [train[row].question for row in rows.tolist()], turns, read)

        alone = replace(subject.work, flops=[])
        trained(f"{name}-words", small, loss, steps, f"{said} {steps}", alone, (WORDS_RATE, WORDS_RATE))
        return small.state_dict(), {"words": words.described(), "flops": repr(sum(alone.flops))}

    def found() -> tuple[LanguageModel, float]:
        tensors, texts = once(subject.work.shared, f"{name}-words", f"{said} {steps} {VOCABULARY}", make)
        words = Subwords(texts["words"])
        small = small_model(len(words))
        small.load_state_dict(tensors)
        return _small(small.to(subject.device), words).frozen(), float(texts["flops"])

    model, flops = _remembered(f"{said} {steps} {subject.device}", found)
    subject.work.flops.append(flops)
    return model


def _small(model: Any, words: Subwords) -> LanguageModel:
    return LanguageModel(model, lambda text: words.words_of(text.strip().lower()), [BEGIN])


def _remembered(key: str, find: Callable[[], tuple[LanguageModel, float]]) -> tuple[LanguageModel, float]:
    if key not in _kept:
        found = find()
        while len(_kept) >= KEPT:
            _kept.pop(next(iter(_kept)))
        _kept[key] = found
    return _kept[key]


def _loss(
    model: LanguageModel, asked: Sequence[Question], turns: Floats, heard: Sequence[torch.Tensor | None]
) -> torch.Tensor:
    """The mean over questions of the cross-entropy of the right answer's tokens."""
    read, said = [], []
    for question, turn, before in zip(asked, turns.tolist(), heard, strict=True):
        read.append(_read(model, before, prompt(question, int(turn * len(question.choices)))))
        said.append([model.numbers(f" {question.choices[question.answer]}")])
    return -torch.stack([one for (one,) in model.likelihoods(read, said)]).mean()


def _drawn(items: int, step: int) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Which questions a step trains on, and two numbers from 0 to 1 for each: its order of choices, and its caption."""
    size = min(BATCH, items)
    epoch, at = divmod(step, items // size)
    draw = keyed_generator("answering", SEED, epoch)
    rows = draw.permutation(items)[at * size : (at + 1) * size]
    numbers = draw.random((2, items))
    return rows, numbers[0][rows], numbers[1][rows]


def _digest(texts: Sequence[str], more: Sequence[bytes]) -> str:
    found = hashlib.blake2b("\n".join(texts).encode(), digest_size=8)
    for one in more:
        found.update(one)
    return found.hexdigest()


def _digest_of(model: LanguageModel) -> str:
    """A digest of a model's first and last weights, which other training would have changed."""
    weights = list(model.model.parameters())
    return _digest(
        [], [one.detach().float().cpu().numpy().tobytes() for one in (weights[-1], weights[-2].flatten()[:4096])]
    )
