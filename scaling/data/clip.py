"""The row that every stage of the data speaks of."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clip:
    """A piece of audio with its captions, from one source corpus.

    `audio` says where the samples are: a path (absolute, or relative to the audio root) or, for the embedded
    corpus, `synthetic:SEED/SPLIT/INDEX`. `start` and `seconds` cut the clip out of a longer recording.
    """

    id: str
    source: str
    domain: str
    seconds: float
    captions: tuple[str, ...]
    audio: str
    start: float = 0.0
