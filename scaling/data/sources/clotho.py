"""Clotho: recordings of Freesound of 15 to 30 s, each captioned by five people.

The development split; validation and evaluation (1,045 clips each) are for tests.
"""

from scaling.data.sources.source import KnownSource

SOURCE = KnownSource(
    "Clotho",
    "environment",
    "human",
    "captions: Tampere University licence, non-commercial; audio: Creative Commons, file by file",
    "https://zenodo.org/records/4783391 (clotho_captions_development.csv), or CaptionStew's clotho.*.jsonl.gz",
    "the same record (clotho_audio_development.7z)",
    clips=3_839,
    hours=25.0,
    seconds=(15.0, 30.1),
    captions=(5, 5),
    leaks=("clotho", "esc50"),
)
