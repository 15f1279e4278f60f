"""What is a start worth: pretrained audio weights, pretrained text weights, and steps, each apart?

The encoder's first weights (random, those of a supervised run of this study, or a checkpoint's) x the text side's
(random, or a checkpoint's) x the number of steps, which the CaptionStew study moves together, on nested subsets.

    python studies/initialization.py                    # laptop: two starts, two lengths, two sizes, three seeds
    python studies/initialization.py --preset smoke     # one length, two sizes, about a minute
    python studies/initialization.py --audio-init scratch supervised encoder.safetensors --text-init scratch DIR
    python studies/initialization.py --text-encoder bert-base-uncased --text-init scratch public
    ray job submit --working-dir . -- python studies/initialization.py

A checkpoint is a file of weights, the folder of a run or of an exported encoder, or a name on the hub whose files are
in the local cache.

Cost on two cores: 24 runs, 3 parents and 5 references, 10 to 17 minutes. What it answered there (contrastive, three
seeds): a supervised start is worth 6.7 points of error at 3,200 clips (90 % interval 4.2 to 9.0) with 700 steps and 8.7
(5.8 to 11.3) with 230, and as much at 320; whether that changes with clips is too close to call. Three times the steps
are worth 7.1 points from scratch (3.6 to 10.6) and 5.1 when initialized (2.6 to 7.5) at 3,200 clips, and nothing that
stands out at 320.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from scaling.cli import run_study
from scaling.errors import StudyError
from scaling.models.options import TransformerOptions
from scaling.objectives.options import ContrastiveOptions, TextKind
from scaling.study.checkpoints import named_initialization
from scaling.study.encoders import named_encoder
from scaling.study.options import Options, default
from scaling.study.run import Optimization, Run
from scaling.study.study import Factor, Study, clips_axis, objective_factor
from scaling.study.texts import named_text, with_text

PRESETS = {"laptop": ((700, 230), (320, 3200)), "smoke": ((20,), (100, 200))}
"""Steps and sizes."""
NAMES = {"scratch": "random", "supervised": "supervised", "public": "public"}
KNOWN = {"audio": ("scratch", "supervised"), "text": ("scratch", "public")}


@dataclass(frozen=True)
class InitializationOptions(Options):
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds; every further one repeats the grid."""
    objectives: tuple[str, ...] = ("contrastive",)
    """Objectives to compare."""
    audio_init: tuple[str, ...] = ("scratch", "supervised")
    """What the encoder starts from: scratch, supervised (a run of its own that classifies labelled clips first), or a
    checkpoint; the first one is what others are compared with."""
    text_init: tuple[str, ...] = ("scratch",)
    """What the text side starts from: scratch, public (the weights of --text-encoder and --text-decoder), or a
    checkpoint; the first one is what others are compared with."""
    text_encoder: Annotated[str, default("a small one", "NAME")] = ""
    """Text encoder of objectives that have one: a folder, or a name on the hub that is in the local cache."""
    text_decoder: Annotated[str, default("a small one", "NAME")] = ""
    """The same of objectives with a decoder: a BART-shaped one."""
    steps: Annotated[tuple[int, ...], default("the preset's")] = ()
    """Training steps; the first number is what others are compared with."""
    encoder: Annotated[str, default("the preset's")] = ""
    """transformer, zipformer-S, -M, -L or -tiny, a folder with a config.json of the transformers library, or a name on
    the hub whose files are in the local cache."""


def initialization(options: InitializationOptions) -> Study:
    """The full study that the options describe."""
    lengths, sizes = PRESETS[options.preset]
    objectives, checkpoints = _with_texts(objective_factor(options.objectives), options)
    factors = [objectives]
    for what, inits in (("audio", options.audio_init), ("text", options.text_init)):
        levels: dict[str, Any] = {}
        for init in inits:
            name, files = named_initialization(init, KNOWN[what])
            levels[f"{what} {NAMES.get(name, name)}"] = {f"initialization.{what}": name}
            checkpoints |= files
        factors.append(Factor(f"{what} weights", levels, baseline=next(iter(levels))))
    steps = options.steps or lengths
    numbers = {f"{number:,} steps": {"optimization.steps": number} for number in steps}
    factors.append(Factor("length", numbers, baseline=next(iter(numbers))))
    return Study(
        name="initialization",
        preset=options.preset,
        title="What is a start worth?",
        question="What do pretrained audio weights, pretrained text weights and steps bring, each apart?",
        template=Run(
            ContrastiveOptions(),
            encoder=named_encoder(options.encoder) if options.encoder else TransformerOptions(),
            # What supervised runs are trained for, whatever the length of those that start from them.
            optimization=Optimization(steps=steps[0]),
        ),
        axes=(clips_axis(options.clips or sizes),),
        factors=tuple(factors),
        seeds=options.seeds,
        corpus=options.corpus(),
        checkpoints=checkpoints,
    )


def _with_texts(objectives: Factor, options: InitializationOptions) -> tuple[Factor, dict[str, Path]]:
    """The objectives with the text models that are named, and where their files lie."""
    public, files = "public" in options.text_init, dict[str, Path]()
    levels = {}
    for name, level in objectives.levels.items():
        objective = level["objective"]
        kind: TextKind | Literal[""] = getattr(objective, "text", "")
        if kind and (model := {"encoder": options.text_encoder, "decoder": options.text_decoder}[kind]):
            text = named_text(model, kind, public)
            objective, files = with_text(objective, text), {**files, **text.files}
        elif public:
            raise StudyError(f"--text-init public: name the model of {name} with --text-{kind or 'encoder'}")
        levels[name] = {**level, "objective": objective}
    return replace(objectives, levels=levels), files


if __name__ == "__main__":
    sys.exit(run_study(initialization, InitializationOptions, __doc__))
