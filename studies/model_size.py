"""How large an encoder is worth its compute: how does the error fall with its parameters and with captioned clips?

Encoders of several widths x nested subsets, every run with the same number of passes over its clips, so that compute
grows with both. The report fits the surface E + A clips^-a + B parameters^-b to the errors and says which size is best
for a given compute (Hoffmann et al. 2022, approach 3), with its interval.

    python studies/model_size.py                        # laptop: four widths, four sizes, minutes on two cores
    python studies/model_size.py --preset smoke         # two widths, two sizes, about a minute
    python studies/model_size.py --widths 32 64 --objectives contrastive captioning
    ray job submit --working-dir . -- python studies/model_size.py

Cost on two cores: 16 runs and 6 references, minutes. What it answered with the laptop's former encoder and batches (one
seed): with 3,200 clips 222,400 parameters are 11.3 points of error ahead of 5,400 (90 % interval 10.0 to 12.5); for the
compute that half of the runs stayed under (1.4e11 FLOPs) 63,000 parameters are best (40,000 to 110,000), for that of
the dearest run 80,000 (48,000 to 170,000).
"""

import sys
from dataclasses import dataclass
from typing import Annotated

from scaling.cli import run_study
from scaling.models.options import TransformerOptions
from scaling.objectives.options import ContrastiveOptions
from scaling.study.options import Options, default
from scaling.study.run import Optimization, Run
from scaling.study.study import Axis, Study, clips_axis, objective_factor

PRESETS = {  # passes, sizes, widths
    "laptop": (14.0, (200, 500, 1250, 3200), (16, 32, 64, 128)),
    "smoke": (2.0, (100, 200), (16, 32)),
}


@dataclass(frozen=True)
class ModelSize(Options):
    objectives: tuple[str, ...] = ("contrastive",)
    """Objectives to compare."""
    widths: Annotated[tuple[int, ...], default("the preset's")] = ()
    """Widths of the encoders, multiples of 4."""
    passes: Annotated[float | None, default("the preset's", "FLOAT")] = None
    """How often every run passes over its clips."""


def model_size(options: ModelSize) -> Study:
    """The full study that the options describe."""
    passes, sizes, widths = PRESETS[options.preset]
    encoders = tuple(TransformerOptions(width=width) for width in options.widths or widths)
    return Study(
        name="model-size",
        preset=options.preset,
        title="How large an encoder is worth its compute?",
        question="How does the error fall with the encoder's size and with data, and which size is best for a compute?",
        template=Run(
            ContrastiveOptions(), protocol="equal-passes", optimization=Optimization(passes=options.passes or passes)
        ),
        axes=(
            clips_axis(options.clips or sizes),
            Axis("encoder", encoders, "parameters", "parameters of the encoder", "parameters"),
        ),
        factors=(objective_factor(options.objectives),),
        seeds=options.seeds,
        corpus=options.corpus(),
    )


if __name__ == "__main__":
    sys.exit(run_study(model_size, ModelSize, __doc__))
