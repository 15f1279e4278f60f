"""What is caption quality worth?

The same clips with captions that people wrote, that a language model wrote from what is known of the clip, and that are
made of tags; with one caption a clip where there are several; and with all of them. Every run hears the same clips in
the same order, and learns from no more than its captions.

    python studies/captions.py                          # laptop: five ways of captioning, three seeds, minutes
    python studies/captions.py --preset smoke           # two of them, two sizes, about a minute
    python studies/captions.py --manifests 'manifests/*.jsonl.gz' --tasks tasks.toml --clips 100000 400000
    ray job submit --working-dir . -- python studies/captions.py

With own manifests a run of one style has the first clips by rank that have a caption of it: where clips do not have
captions of every style, arms differ in clips too. What style captions have says the manifest (`caption_style`), or what
is known of the source.

Cost on two cores: 30 runs and 5 references, 10 to 17 minutes. What it answered there (contrastive, three seeds, 200
steps): at 400 clips all captions of a clip are worth 2.5 points of error over those of people alone (90 % interval 0.7
to 4.3), 3.7 over one of them (0.9 to 6.8) and 4.2 over rewritten ones (2.3 to 6.3); at 1,600 no two styles can be told
apart, and so few steps leave all of them behind log-mel statistics.
"""

import sys
from dataclasses import dataclass, replace
from typing import Annotated

from scaling.cli import run_study
from scaling.errors import StudyError
from scaling.objectives.options import ContrastiveOptions
from scaling.study.options import Options, default
from scaling.study.run import Optimization, Run
from scaling.study.study import Factor, Study, clips_axis, objective_factor

LEVELS = {
    "all": {},
    "human": {"data.caption_style": "human"},
    "one human": {"data.caption_style": "human", "data.caption_choice": "first"},
    "rewritten": {"data.caption_style": "rewritten"},
    "attribute": {"data.caption_style": "attribute"},
}
PRESETS = {"laptop": (200, (400, 1600), tuple(LEVELS)), "smoke": (20, (100, 200), ("human", "attribute"))}


@dataclass(frozen=True)
class Captions(Options):
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds; every further one repeats the grid."""
    objectives: tuple[str, ...] = ("contrastive",)
    """Objectives to compare."""
    captions: Annotated[tuple[str, ...], default("the preset's")] = ()
    """Ways of captioning to compare: all, human, one human, rewritten, attribute."""
    steps: Annotated[int | None, default("the preset's", "INT")] = None
    """Training steps of every run."""


def captions(options: Captions) -> Study:
    """The full study that the options describe."""
    steps, sizes, names = PRESETS[options.preset]
    names = options.captions or names
    if unknown := [name for name in names if name not in LEVELS]:
        raise StudyError(f"--captions {unknown[0]}: known are {', '.join(LEVELS)}")
    return Study(
        name="captions",
        preset=options.preset,
        title="What is caption quality worth?",
        question="What does each task gain from captions of people, of a language model, or made of tags?",
        template=Run(ContrastiveOptions(), optimization=Optimization(steps=options.steps or steps)),
        axes=(clips_axis(options.clips or sizes),),
        factors=(
            Factor("caption_style", {name: LEVELS[name] for name in names}, baseline=names[0]),
            objective_factor(options.objectives),
        ),
        seeds=options.seeds,
        corpus=replace(options.corpus(), styled=not options.manifests),
    )


if __name__ == "__main__":
    sys.exit(run_study(captions, Captions, __doc__))
