"""Which source drives which task?

The mixture less one source, for every source, against the whole mixture: every run has the same number of clips, the
first ones by rank of the sources that are left, from one store. A task that gets worse without a source was driven by
it.

    python studies/sources.py                           # laptop: eight sources, three seeds, minutes
    python studies/sources.py --preset smoke            # the first two sources, two sizes, about a minute
    python studies/sources.py --manifests 'manifests/*.jsonl.gz' --tasks tasks.toml --clips 100000 400000
    ray job submit --working-dir . -- python studies/sources.py

Cost on two cores: 27 runs and 5 references, about five minutes. What it answered with the laptop's former encoder: on
no task does a difference stand out, of 72 that were looked at; at this budget three seeds vary by more than a source is
worth.
"""

import sys
from dataclasses import dataclass
from typing import Annotated

from scaling.cli import run_study
from scaling.data.corpus import source_names
from scaling.objectives.options import ContrastiveOptions
from scaling.study.options import Options, default
from scaling.study.run import Optimization, Run
from scaling.study.study import Factor, Study, clips_axis, objective_factor

WHOLE = "all sources"
PRESETS = {"laptop": (200, (1600,), None), "smoke": (20, (100, 200), 2)}  # steps, sizes, how many sources


@dataclass(frozen=True)
class Sources(Options):
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds; every further one repeats the grid."""
    objectives: tuple[str, ...] = ("contrastive",)
    """Objectives to compare."""
    leave_out: Annotated[tuple[str, ...], default("every source")] = ()
    """Sources to leave out, one at a time."""
    steps: Annotated[int | None, default("the preset's", "INT")] = None
    """Training steps of every run."""


def sources(options: Sources) -> Study:
    """The full study that the options describe."""
    steps, sizes, most = PRESETS[options.preset]
    corpus = options.corpus()
    left_out = options.leave_out or source_names(corpus)[:most]
    return Study(
        name="sources",
        preset=options.preset,
        title="Which source drives which task?",
        question="What does each task lose when a source is left out of the mixture?",
        template=Run(ContrastiveOptions(), optimization=Optimization(steps=options.steps or steps)),
        axes=(clips_axis(options.clips or sizes),),
        factors=(
            Factor(
                "sources",
                {WHOLE: {}, **{f"without {name}": {"data.without": (name,)} for name in left_out}},
                baseline=WHOLE,
            ),
            objective_factor(options.objectives),
        ),
        seeds=options.seeds,
        corpus=corpus,
    )


if __name__ == "__main__":
    sys.exit(run_study(sources, Sources, __doc__))
