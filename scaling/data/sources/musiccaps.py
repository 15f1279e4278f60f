"""MusicCaps: clips of AudioSet with music, described by musicians.

The training part of AudioSet; the other 2,858 clips are for tests.
"""

from scaling.data.sources.source import KnownSource

SOURCE = KnownSource(
    "MusicCaps",
    "music",
    "human",
    "captions: CC BY-SA 4.0; audio: of its YouTube videos, not distributed",
    "https://huggingface.co/datasets/google/MusicCaps (musiccaps-public.csv), or CaptionStew's musiccaps.*.jsonl.gz",
    "YouTube, by id and start time",
    clips=2_663,
    hours=7.4,
    seconds=(1.0, 10.1),
    captions=(1, 1),
    leaks=("musiccaps", "audiocaps", "vggsound"),
    hub="google/MusicCaps",
)
