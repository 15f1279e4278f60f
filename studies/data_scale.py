"""How does an audio encoder's quality grow with captioned data, under which objective, and does a supervised
start pay?

{contrastive, captioning} x nested subsets x {scratch, initialized}, every run with the same number of steps,
probed on the frozen encoder (the scaling study of Tseng et al. 2026, "Revisiting Audio-language Pretraining",
with intervals).

    python studies/data_scale.py                        # laptop: embedded corpus, minutes on two cores
    python studies/data_scale.py --preset smoke         # two sizes, about a minute
    ray job submit --working-dir . -- python studies/data_scale.py

Nothing is downloaded. A study that was stopped goes on where it was when it is started again.
"""

import sys

from scaling.cli import run_study
from scaling.study.options import Options
from scaling.study.study import Corpus, Run, Study, grid, references, with_parents

QUESTION = "Which objective, how much data, and does a supervised initialization pay?"

PRESETS = {
    "laptop": (Run("contrastive", steps=700), (100, 320, 1000, 3200)),
    "smoke": (Run("contrastive", steps=20), (100, 200)),
}


def data_scale(options: Options) -> Study:
    """The full study that the options describe."""
    template, sizes = PRESETS[options.preset]
    template = options.adjusted(template)
    init, checkpoints = options.initialization()
    arms = [template, init.applied(template)]
    runs = [
        run
        for arm in arms
        for run in grid(arm, objective=["contrastive", "captioning"], clips=options.clips or sizes, seed=options.seeds)
    ]
    supervised = grid(template, objective=["supervised"])[0]
    return Study(
        name="data-scale",
        preset=options.preset,
        question=QUESTION,
        corpus=options.corpus(Corpus()),
        runs=(*references(template, options.seeds), *with_parents(runs, supervised)),
        checkpoints=checkpoints,
    )


if __name__ == "__main__":
    sys.exit(run_study(data_scale, __doc__))
