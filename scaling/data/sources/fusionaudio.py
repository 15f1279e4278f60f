"""FusionAudio: clips of AudioSet; captions made of what models hear and see.

Its authors say 1.2 million captions; the bound allows for their rounding.
"""

from scaling.data.sources.source import KnownSource

SOURCE = KnownSource(
    "FusionAudio-1.2M",
    "environment",
    "rewritten",
    "as its repository states; audio: of its YouTube videos, not distributed",
    "https://github.com/satsuki2486441738/FusionAudio, or CaptionStew's fusionaudio.*.jsonl.gz",
    "YouTube, by id and start time",
    clips=1_250_000,
    hours=3_473.0,
    seconds=(1.0, 10.1),
    captions=(1, 1),
    leaks=("audiocaps", "vggsound", "musiccaps"),
)
