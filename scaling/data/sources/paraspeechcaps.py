"""ParaSpeechCaps: speech, described by tags of its style.

342 h labelled by people and 2,427 h by models. Its VoxCeleb clips have speakers of VoxCeleb2 in them: give the
probe's test files as a list of your own.
"""

from scaling.data.sources.source import KnownSource

SOURCE = KnownSource(
    "ParaSpeechCaps",
    "speech",
    "attribute",
    "captions: as its repository states; audio: that of VoxCeleb, Expresso, EARS and Emilia",
    "https://github.com/ajd12342/paraspeechcaps, or CaptionStew's paraspeechcaps.*.jsonl.gz",
    "the four corpora, by file",
    clips=9_300_000,
    hours=2_769.0,
    seconds=(1.0, 60.0),
    captions=(1, 5),
)
