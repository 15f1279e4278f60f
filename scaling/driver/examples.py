"""The sounds of a report's examples."""

from scaling.analysis.report.examples import chosen_clips, sound_file
from scaling.data.clip import UnusableClipError
from scaling.data.features import SAMPLE_RATE, Cut, waveforms
from scaling.data.flac import flac
from scaling.data.labelled import LabelledStore
from scaling.data.tasks.task import Labelled

PART = "examples"
SECONDS = 10.0
"""Of a clip, at most: a page that holds them stays small."""


def example_files(labelled: LabelledStore, source: Labelled) -> dict[str, bytes]:
    """The test clips that a report shows of tasks of captions, by the names of their files: FLAC at 16 kHz. What cannot
    be read any more is left out."""
    tasks = [task for task in source.probes if task.kind == "recall"]
    chosen = dict.fromkeys(clip for task in tasks for clip in chosen_clips(labelled.split(task.name, "test").ids))
    clips = {clip.id: clip for clip in source.clips if clip.id in chosen}
    cuts = [
        Cut(one.audio, one.start, min(one.seconds or SECONDS, SECONDS), one.channel, one.within)
        for one in clips.values()
    ]
    heard = zip(clips, waveforms(cuts, source.root), strict=True)
    return {
        sound_file(clip): flac(samples.numpy(), SAMPLE_RATE)
        for clip, samples in heard
        if not isinstance(samples, UnusableClipError)
    }
