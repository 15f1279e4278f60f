"""The sounds of a report's examples."""

from scaling.analysis.report.examples import chosen_clips, sound_file
from scaling.data.clip import UnusableClipError
from scaling.data.features import SAMPLE_RATE, Cut, waveforms
from scaling.data.flac import flac
from scaling.data.labelled import LabelledStore
from scaling.data.tasks.question import Question
from scaling.data.tasks.task import Labelled

PART = "examples"
SECONDS = 10.0
"""Of a clip, at most: a page that holds them stays small."""


def example_files(labelled: LabelledStore, source: Labelled) -> dict[str, bytes]:
    """What is heard of the test clips, and of the questions, that a report shows, by the names of its files: FLAC at
    16 kHz. What cannot be read any more is left out."""
    shown: dict[str, str] = {}
    for task in source.probes:
        if task.kind == "recall":
            shown |= {clip: clip for clip in chosen_clips(labelled.split(task.name, "test").ids)}
        elif task.kind == "questions":
            parts = [labelled.split(task.name, part) for part in labelled.folds(task.name) or ["test"]]
            rows = [row for part in parts for row in zip(part.ids, part.labels, strict=True)]
            named = {Question.of_label(label).name(clip): clip for clip, label in rows}
            shown |= {name: named[name] for name in chosen_clips(named)}
    clips = {clip.id: clip for clip in source.clips if clip.id in set(shown.values())}
    cuts = [
        Cut(one.audio, one.start, min(one.seconds or SECONDS, SECONDS), one.channel, one.within)
        for one in clips.values()
    ]
    found = {
        clip: flac(samples.numpy(), SAMPLE_RATE)
        for clip, samples in zip(clips, waveforms(cuts, source.root), strict=True)
        if not isinstance(samples, UnusableClipError)
    }
    return {sound_file(name): found[clip] for name, clip in shown.items() if clip in found}
