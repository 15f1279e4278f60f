"""The corpora that are known, by the name of their source: one line each, and the file that it names.

A corpus that is not in the table is read like any other; nothing is known of it.
"""

import importlib

from scaling.data.sources.source import KnownSource

SOURCES = {
    "audiocaps": "scaling.data.sources.audiocaps",
    "clotho": "scaling.data.sources.clotho",
    "musiccaps": "scaling.data.sources.musiccaps",
    "wavcaps": "scaling.data.sources.wavcaps",
    "audiosetcaps": "scaling.data.sources.audiosetcaps",
    "fusionaudio": "scaling.data.sources.fusionaudio",
    "jamendomaxcaps": "scaling.data.sources.jamendomaxcaps",
    "paraspeechcaps": "scaling.data.sources.paraspeechcaps",
}
"""The eight of CaptionStew."""


def known_source(name: str) -> KnownSource | None:
    """What is known of a source; of its parts too (`audiosetcaps-youtube8m`)."""
    for known, module in SOURCES.items():
        if name == known or name.startswith((f"{known}-", f"{known}_")):
            found: KnownSource = importlib.import_module(module).SOURCE
            return found
    return None
