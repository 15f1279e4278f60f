"""WavCaps: sounds of BBC Sound Effects and SoundBible; descriptions rewritten by a language model.

Its other two parts, Freesound and AudioSet's strong labels, are no part of CaptionStew. Its 1,000 hours
have recordings of many minutes in them: the bound is that of clips of 60 s.
"""

from scaling.data.sources.source import KnownSource

SOURCE = KnownSource(
    "WavCaps (BBC Sound Effects and SoundBible)",
    "environment",
    "rewritten",
    "captions: CC BY 4.0, for academic use; audio: that of BBC (RemArc) and SoundBible",
    "https://huggingface.co/datasets/cvssp/WavCaps (json_files/BBC_Sound_Effects, SoundBible), or CaptionStew's",
    "the same repository (Zip_files), or the sites themselves",
    clips=32_433,
    hours=541.0,
    seconds=(1.0, 60.0),
    captions=(1, 1),
    leaks=("clotho", "esc50"),
    hub="cvssp/WavCaps",
)
