"""JamendoMaxCaps: pieces of instrumental music of Jamendo, captioned by a model.

How many clips its tracks were cut into is not published: the bounds are those of all of CaptionStew.
"""

from scaling.data.sources.source import KnownSource

SOURCE = KnownSource(
    "JamendoMaxCaps",
    "music",
    "rewritten",
    "CC BY-SA 3.0, as its repository states; audio: Creative Commons, track by track",
    "https://huggingface.co/datasets/amaai-lab/JamendoMaxCaps, or CaptionStew's jamendomaxcaps.*.jsonl.gz",
    "Jamendo, by track number",
    clips=9_300_000,
    hours=37_290.0,
    seconds=(1.0, 60.0),
    captions=(1, 5),
    hub="amaai-lab/JamendoMaxCaps",
)
