"""Does an encoder of somebody else's learn more from which words a caption has, or from which caption is its own?"""

import sys

import toy_networks  # noqa: F401  (its initialization)
from toy_options import ListenerOptions, StackedOptions, WordsOptions

from scaling.cli import run_study
from scaling.objectives.options import ContrastiveOptions
from scaling.study.options import Options
from scaling.study.run import Optimization, Run
from scaling.study.study import Factor, Study, clips_axis


def toy_study(options: Options) -> Study:
    captions = ContrastiveOptions(text_width=16, text_heads=2)
    contrastive = {"objective": captions, "initialization.audio": "halves"}
    heard = {"objective": captions, "encoder": ListenerOptions()}
    return Study(
        name="toys",
        preset=options.preset,
        title="Words or captions?",
        question="What does a stack of frames learn from?",
        template=Run(WordsOptions(), encoder=StackedOptions(), optimization=Optimization(steps=10)),
        axes=(clips_axis(options.clips or (16, 32)),),
        factors=(Factor("objective", {"words": {}, "contrastive": contrastive, "heard": heard}),),
        seeds=options.seeds,
        corpus=options.corpus(),
    )


if __name__ == "__main__":
    sys.exit(run_study(toy_study, Options, __doc__))
