"""What is known of a corpus: where it comes from, what may be done with it, what has to be true of it, and what of it
stands in evaluation sets too."""

from dataclasses import dataclass
from typing import Literal

Style = Literal["human", "rewritten", "attribute"]
"""Captions that people wrote; that a language model wrote from what is known of the clip; made of tags."""


@dataclass(frozen=True)
class KnownSource:
    """One corpus.

    title, domain, style: of its captions. licence: of captions and audio, as its authors state it. manifest, audio:
    where each is had. clips, hours: at most as many. seconds: of a clip, shortest and longest. captions: of a clip,
    fewest and most. leaks: the lists (`leaks.py`) that its clips are to be filtered by, since it was drawn from what
    they were drawn from. hub: its dataset on the Hugging Face hub, if it has one (`scaling download`).
    """

    title: str
    domain: str
    style: Style
    licence: str
    manifest: str
    audio: str
    clips: int
    hours: float
    seconds: tuple[float, float]
    captions: tuple[int, int]
    leaks: tuple[str, ...] = ()
    hub: str = ""

    def doubts(self, clips: int, hours: float, shortest: float, longest: float, captions: tuple[int, int]) -> list[str]:
        """What cannot be true of this corpus in what was found of it: another version, or another corpus."""
        found = []
        if clips > self.clips:
            found.append(f"{clips:,} clips, and it has {self.clips:,} at most")
        if hours > self.hours * 1.01:
            found.append(f"{hours:,.0f} h, and it has {self.hours:,.0f} at most")
        if shortest < self.seconds[0] - 0.5 or longest > self.seconds[1] + 0.5:
            low, high = self.seconds
            found.append(f"clips of {shortest:.1f} to {longest:.1f} s, and its last {low:g} to {high:g} s")
        if captions[0] < self.captions[0] or captions[1] > self.captions[1]:
            low, high = self.captions
            found.append(f"{captions[0]} to {captions[1]} captions a clip, and it has {low} to {high}")
        return found
