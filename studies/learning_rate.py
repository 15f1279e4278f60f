"""Which learning rate is best for each objective and each start, and how does it move with the number of clips?

For each objective x initialization x size Ray Tune tries rates on the loss of the fixed holdout: first evenly over the
range, then between the best one and its neighbours. What it finds is a file that --learning-rates takes in every study,
so that no arm is behind for want of a rate of its own.

    python studies/learning_rate.py                     # laptop: five objectives, two starts, two sizes, seven rates
    python studies/learning_rate.py --preset smoke      # one start, three rates and few steps, about a minute
    python studies/learning_rate.py --lowest 1e-4 --highest 3e-2 --trials 9
    python studies/objective.py --learning-rates ~/scaling-studies/learning-rate-laptop/rates.json

An optimum at an end of the range is said to be one; a trial that diverges has ended, and counts as the worst. A search
that was stopped goes on where it was. Trials are not probed.

Cost on two cores: 140 trials and a parent, about 40 minutes. What it found there (one seed): at 3,200 clips captioning
wants 3.8e-3, hybrids 3.0e-3 to 3.8e-3, tagging 2.3e-3 to 3.0e-3, contrastive 0.9e-3 to 1.4e-3 and SigLIP 0.9e-3; from
one start to the other a rate moves by less than twice. At 320 clips, which the same steps pass 70 times, all want less:
captioning 0.5e-3 to 0.9e-3, SigLIP and tagging from scratch 0.3e-3, and the others 0.2e-3, the lowest that was tried.
"""

import sys
from dataclasses import dataclass
from typing import Annotated, Any

from scaling.cli import run_search
from scaling.errors import StudyError
from scaling.objectives.options import ContrastiveOptions
from scaling.study.options import Options, default
from scaling.study.run import Optimization, Run
from scaling.study.study import Factor, Study, clips_axis, objective_factor

EVERY = ("contrastive", "siglip", "captioning", "hybrid", "tagging")
PRESETS = {  # steps, sizes, objectives, starts, trials
    "laptop": (350, (320, 3200), EVERY, ("scratch", "supervised"), 7),
    "smoke": (20, (100, 200), ("contrastive", "captioning"), ("scratch",), 3),
}
STARTS = {"scratch": "from scratch", "supervised": "initialized"}


@dataclass(frozen=True)
class LearningRate(Options):
    objectives: Annotated[tuple[str, ...], default("the preset's")] = ()
    """Objectives whose rates are searched."""
    audio_init: Annotated[tuple[str, ...], default("the preset's")] = ()
    """What encoders start from: scratch, supervised."""
    lowest: float = 2e-4
    """The lowest rate that is tried."""
    highest: float = 1e-2
    """The highest rate that is tried."""
    trials: Annotated[int | None, default("the preset's", "INT")] = None
    """Rates that are tried of each objective, start and size."""
    steps: Annotated[int | None, default("the preset's", "INT")] = None
    """Training steps of every trial."""


def learning_rate(options: LearningRate) -> Study:
    """What is searched: the arms and sizes; the rate of its runs is not."""
    steps, sizes, objectives, starts, _ = PRESETS[options.preset]
    levels: dict[str, Any] = {}
    for init in options.audio_init or starts:
        if init not in STARTS:
            raise StudyError(f"--audio-init {init}: rates are searched from {' and '.join(STARTS)}")
        levels[STARTS[init]] = {"initialization.audio": init}
    return Study(
        name="learning-rate",
        preset=options.preset,
        title="Which learning rate is best for each objective and start?",
        question="Which learning rate is best for each objective and start, and how does it move with data?",
        template=Run(ContrastiveOptions(), optimization=Optimization(steps=options.steps or steps)),
        axes=(clips_axis(options.clips or sizes),),
        factors=(objective_factor(options.objectives or objectives), Factor("initialization", levels)),
        seeds=options.seeds,
        corpus=options.corpus(),
    )


def space(options: LearningRate) -> tuple[float, float, int]:
    """The lowest and the highest rate, and how many are tried."""
    return options.lowest, options.highest, options.trials if options.trials is not None else PRESETS[options.preset][4]


if __name__ == "__main__":
    sys.exit(run_search(learning_rate, space, LearningRate, __doc__))
