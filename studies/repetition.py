"""How many passes is a clip worth?

Unique clips x clips seen in training: few clips passed over often against many passed over once, each run with a
learning-rate schedule of its own. The report fits how far repeated clips stand in for new ones (Muennighoff et al.
2023) and says how many passes pay.

    python studies/repetition.py                        # laptop: four sizes, three lengths, minutes on two cores
    python studies/repetition.py --preset smoke         # two sizes, two lengths, about a minute
    python studies/repetition.py --steps 400 1600 6400 --objectives contrastive captioning
    ray job submit --working-dir . -- python studies/repetition.py

Cost on two cores: 12 runs and 3 references, minutes. What it answered with the laptop's former encoder and batches (one
seed): a clip seen again is worth half a new one or more up to about 22 passes (90 % interval 15 to 35).
"""

import sys
from dataclasses import dataclass
from typing import Annotated

from scaling.cli import run_study
from scaling.errors import StudyError
from scaling.objectives.options import ContrastiveOptions
from scaling.study.options import Options, default
from scaling.study.run import Optimization, Run
from scaling.study.study import Axis, Study, clips_axis, objective_factor

PRESETS = {"laptop": ((50, 175, 600), (100, 320, 1000, 3200)), "smoke": ((10, 20), (100, 200))}  # steps, sizes


@dataclass(frozen=True)
class Repetition(Options):
    objectives: tuple[str, ...] = ("contrastive",)
    """Objectives to compare."""
    steps: Annotated[tuple[int, ...], default("the preset's")] = ()
    """Lengths of training, in steps."""


def repetition(options: Repetition) -> Study:
    """The full study that the options describe."""
    lengths, sizes = PRESETS[options.preset]
    lengths, wanted = options.steps or lengths, options.clips or sizes
    template = Run(ContrastiveOptions(), optimization=Optimization())
    seen = min(lengths) * template.optimization.batch_size
    if too_many := [size for size in wanted if isinstance(size, int) and size > seen]:
        raise StudyError(f"--clips {too_many[0]}: the shortest training sees {seen} clips, and must see every one")
    return Study(
        name="repetition",
        preset=options.preset,
        title="How many passes is a clip worth?",
        question="How far does seeing clips again stand in for new ones, and how many passes pay?",
        template=template,
        axes=(clips_axis(wanted), Axis("optimization.steps", lengths, "samples_seen", "clips seen", "clips seen")),
        factors=(objective_factor(options.objectives),),
        seeds=options.seeds,
        corpus=options.corpus(),
    )


if __name__ == "__main__":
    sys.exit(run_study(repetition, Repetition, __doc__))
