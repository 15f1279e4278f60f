"""AudioSetCaps: clips of AudioSet, YouTube-8M and VGGSound, captioned by models.

CaptionStew filters its YouTube-8M part by AudioCaps, VGGSound and MusicCaps, its VGGSound part by AudioCaps and
MusicCaps; all are filtered by all here, which leaves out no clip too few.
"""

from scaling.data.sources.source import KnownSource

SOURCE = KnownSource(
    "AudioSetCaps",
    "environment",
    "rewritten",
    "captions: CC BY 4.0; audio: of its YouTube videos, not distributed",
    "https://huggingface.co/datasets/baijs/AudioSetCaps, or CaptionStew's audiosetcaps.*.jsonl.gz",
    "YouTube, by id and start time",
    clips=6_117_099,
    hours=16_992.0,
    seconds=(1.0, 10.1),
    captions=(1, 1),
    leaks=("audiocaps", "vggsound", "musiccaps"),
    hub="baijs/AudioSetCaps",
)
