"""AudioCaps: clips of AudioSet, captioned by people.

The bounds are those of version 2.0; version 1 has 49,838 training clips.
"""

from scaling.data.sources.source import KnownSource

SOURCE = KnownSource(
    "AudioCaps",
    "environment",
    "human",
    "captions: MIT; audio: of its YouTube videos, not distributed",
    "https://github.com/cdjkim/audiocaps (train.csv), or CaptionStew's audiocaps.*.jsonl.gz",
    "YouTube, by id and start time",
    clips=91_256,
    hours=254.0,
    seconds=(1.0, 10.1),
    captions=(1, 5),
    leaks=("audiocaps", "vggsound", "musiccaps"),
)
