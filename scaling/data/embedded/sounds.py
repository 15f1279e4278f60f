"""The embedded corpus: captioned speech-like, music-like and environment-like clips, made by rule at 16 kHz.

Clip i of a split is a pure function of (i, seed, split): nothing is downloaded or stored, and any clip can be
made alone, on any node. What it is (`sound`) costs microseconds; its samples (`waveform`) a few milliseconds.

The split "pretrain" has captions and no labels. "train", "val" and "test" are the probes' own clips, with
labels (and captions); "tagged" carries one coarse tag a clip, for supervised pre-training. Labels and tags
are dealt in turn, so each is as frequent as the next in any stretch of a split.
"""

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import lcm
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from scaling.data.embedded import phrasing
from scaling.data.embedded.acoustics import SAMPLE_RATE
from scaling.data.embedded.draws import Draw, generator
from scaling.data.embedded.events import EVENTS, TAGS
from scaling.data.embedded.instruments import ARTICULATIONS, INSTRUMENTS, Melody
from scaling.data.embedded.soundscapes import PLACES, Scene
from scaling.data.embedded.voices import CAST, INTONATIONS, Utterance

__all__ = [
    "PRETRAIN",
    "SAMPLE_RATE",
    "SIZE",
    "SPLIT_SIZES",
    "TASKS",
    "Sound",
    "SyntheticTask",
    "sound",
    "waveform",
]

PRETRAIN = "pretrain"
"""The split for pretraining; all others are for evaluation or supervised initialization."""

SIZE = 40_000
"""Clips of the pretraining split."""

SPLIT_SIZES = {"train": 1200, "val": 300, "test": 1500, "tagged": 1500}
"""Clips of the other splits, a third of them in each domain."""

DOMAINS = ("speech", "music", "environment")


@dataclass(frozen=True, slots=True)
class Sound:
    """What a clip is, without its samples."""

    domain: str
    source: str
    seconds: float
    captions: tuple[str, ...]
    labels: dict[str, str]


@dataclass(frozen=True, slots=True)
class SyntheticTask:
    """A question about the clips of one domain, answered by one of their labels."""

    name: str
    domain: str
    label: str


TASKS = (
    SyntheticTask("voice", "speech", "voice"),
    SyntheticTask("intonation", "speech", "intonation"),
    SyntheticTask("instrument", "music", "instrument"),
    SyntheticTask("articulation", "music", "articulation"),
    SyntheticTask("event", "environment", "event"),
    SyntheticTask("place", "environment", "place"),
)


@dataclass(frozen=True, slots=True)
class _Source:
    """A corpus-like part of the mixture."""

    name: str
    share: float  # of the pretraining split
    domains: tuple[str, ...]
    styles: tuple[str, ...]
    captions: tuple[int, ...]  # how many a clip has: one of these


SOURCES = (
    _Source("voices-attributes", 0.20, ("speech",), ("attributes", "verbose"), (2, 3)),
    _Source("voices-plain", 0.08, ("speech",), ("plain",), (1,)),
    _Source("notes-tags", 0.20, ("music",), ("tags",), (1,)),
    _Source("notes-expert", 0.06, ("music",), ("verbose", "plain"), (1,)),
    _Source("scenes-human", 0.07, ("environment",), ("plain",), (1, 2, 3)),
    _Source("scenes-rewritten", 0.18, ("environment",), ("verbose",), (1,)),
    _Source("web-mixed", 0.15, DOMAINS, ("verbose", "plain", "tags"), (1, 1, 2)),
    _Source("archive-titles", 0.06, ("environment", "environment", "music", "speech"), ("title",), (1,)),
)
"""Eight sources of unequal size, domain and hand, as the eight of CaptionStew are."""

_EDGES = tuple(accumulate(source.share for source in SOURCES))
_OF_DOMAIN = {domain: tuple(s for s in SOURCES if domain in s.domains) for domain in DOMAINS}

Plan = Utterance | Melody | Scene
A = TypeVar("A")
B = TypeVar("B")

_EVENT_NAMES, _PLACE_NAMES = tuple(EVENTS), tuple(PLACES)
_CAST_OF = {voice: tuple(s for s in CAST if s.voice == voice) for voice in ("man", "woman", "child")}
_VOICES = tuple(_CAST_OF)
_PLAYERS_OF = {family: tuple(i for i in INSTRUMENTS if i.family == family) for family in dict.fromkeys(
    instrument.family for instrument in INSTRUMENTS
)}  # fmt: skip
_FAMILIES = tuple(_PLAYERS_OF)
_EVENTS_OF = {tag: tuple(e for e in EVENTS if TAGS[e] == tag) for tag in dict.fromkeys(TAGS.values())}
_EVENT_TAGS = tuple(_EVENTS_OF)


def _dealt(draw: Draw, domain: str, seconds: float, turn: int) -> Plan:
    """A probe clip: turn k of a domain gets the k-th pair of labels."""
    if domain == "speech":
        speaker, intonation = _pair(turn, CAST, INTONATIONS)
        return Utterance.draw(draw, seconds, speaker=speaker, intonation=intonation)
    if domain == "music":
        instrument, articulation = _pair(turn, INSTRUMENTS, ARTICULATIONS)
        return Melody.draw(draw, seconds, instrument=instrument, articulation=articulation)
    event, place = _pair(turn, _EVENT_NAMES, _PLACE_NAMES)
    return Scene.draw(draw, seconds, event=event, place=place)


def _pair(turn: int, firsts: Sequence[A], seconds: Sequence[B]) -> tuple[A, B]:
    """The turn-th pair of an order that has every pair once, and both members evenly in every stretch."""
    slip = turn // lcm(len(firsts), len(seconds))
    return firsts[turn % len(firsts)], seconds[(turn + slip) % len(seconds)]


def _tagged(draw: Draw, domain: str, seconds: float, turn: int) -> Plan:
    """A tagged clip: turn k of a domain gets its k-th tag, whatever is under it."""
    if domain == "speech":
        return Utterance.draw(draw, seconds, speaker=draw.pick(_CAST_OF[_VOICES[turn % len(_VOICES)]]))
    if domain == "music":
        players = _PLAYERS_OF[_FAMILIES[turn % len(_FAMILIES)]]
        return Melody.draw(draw, seconds, instrument=draw.pick(players))
    return Scene.draw(draw, seconds, event=draw.pick(_EVENTS_OF[_EVENT_TAGS[turn % len(_EVENT_TAGS)]]))


def _plan(draw: Draw, index: int, split: str) -> tuple[_Source, str, Plan]:
    """Source, domain and content of a clip."""
    size = SIZE if split == PRETRAIN else SPLIT_SIZES.get(split)
    if size is None:
        raise ValueError(f"no split {split!r}: there are {', '.join((PRETRAIN, *SPLIT_SIZES))}")
    if not 0 <= index < size:
        raise ValueError(f"no clip {index} in split {split!r}: it has {size}")
    seconds = draw.whole(100, 160) / 100.0
    if split == PRETRAIN:
        source = SOURCES[min(bisect(_EDGES, draw.random() * _EDGES[-1]), len(SOURCES) - 1)]
        domain = draw.pick(source.domains)
        kind = Utterance if domain == "speech" else Melody if domain == "music" else Scene
        return source, domain, kind.draw(draw, seconds)
    turn, place = divmod(index, len(DOMAINS))
    domain = DOMAINS[place]
    source = draw.pick(_OF_DOMAIN[domain])
    return source, domain, (_tagged if split == "tagged" else _dealt)(draw, domain, seconds, turn)


def sound(index: int, *, seed: int, split: str) -> Sound:
    """What clip `index` of a split is: its source, length in seconds, captions and labels."""
    draw = Draw("plan", seed, split, index)
    source, domain, plan = _plan(draw, index, split)
    labels: dict[str, str] = {}
    if split == "tagged":
        labels = {"tag": plan.tag()}
    elif split != PRETRAIN:
        labels = plan.labels()
    facts = plan.facts()
    captions = tuple(
        phrasing.caption(draw, domain, facts, draw.pick(source.styles)) for _ in range(draw.pick(source.captions))
    )
    return Sound(domain, source.name, plan.seconds, captions, labels)


def waveform(index: int, *, seed: int, split: str) -> NDArray[np.float32]:
    """The samples of clip `index` of a split at 16 kHz: float32, [round(seconds * 16000)], within [-1, 1]."""
    _, _, plan = _plan(Draw("plan", seed, split, index), index, split)
    return plan.render(generator("samples", seed, split, index))
