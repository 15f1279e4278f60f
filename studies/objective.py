"""Which objective makes the encoder that is best at which kind of task?

InfoNCE, SigLIP, captioning (by the share of clips that are predicted autoregressively), hybrids of contrastive and
captioning (by the weight of captioning) and tagging by words of the captions: twins on the same clips, every run with
the same number of steps. The report says which objective is best at which kind of task, with intervals, and which
hybrids no other one beats at both classification and retrieval.

    python studies/objective.py                         # laptop: nine objectives, three seeds, minutes on two cores
    python studies/objective.py --preset smoke          # three objectives, two sizes, about a minute
    python studies/objective.py --objectives hybrid --captioning-weights 0.25 0.5 0.75 --shared nothing coca mammut
    ray job submit --working-dir . -- python studies/objective.py

Cost on two cores: 27 runs and 5 references, about 20 minutes. Rates are the same for all objectives unless
--learning-rates brings those that studies/learning_rate.py has found. What it answered there (3,200 clips, three seeds,
one rate for all): hybrids are best on average (54.9 to 55.2 % error; contrastive 55.8, tagging 55.6, SigLIP 57.2,
captioning 59.3 to 61.6), at classification and, with half captioning, at retrieval too; but that a hybrid beats both
its parents has a probability of 62 to 68 % only. Contrastive is ahead of captioning by 3.4 to 6.3 points.
"""

import sys
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from scaling.cli import run_study
from scaling.errors import StudyError
from scaling.objectives.options import (
    CaptioningOptions,
    ContrastiveOptions,
    HybridOptions,
    SiglipOptions,
    TaggingOptions,
)
from scaling.study.options import Options, default
from scaling.study.run import Optimization, Run
from scaling.study.study import Factor, Study, clips_axis

Known = Literal["contrastive", "siglip", "captioning", "hybrid", "tagging"]
Shared = Literal["nothing", "coca", "mammut"]
EVERY: tuple[Known, ...] = ("contrastive", "siglip", "captioning", "hybrid", "tagging")
PRESETS: dict[str, tuple[int, tuple[int, ...], tuple[Known, ...], tuple[float, ...], tuple[float, ...]]] = {
    "laptop": (700, (3200,), EVERY, (0.0, 0.25, 1.0), (0.25, 0.5, 0.75)),
    "smoke": (20, (100, 200), ("contrastive", "captioning", "hybrid"), (0.25,), (0.5,)),
}
"""Steps, sizes, objectives, shares of captioning that are autoregressive, weights of captioning in hybrids."""


@dataclass(frozen=True)
class Objective(Options):
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds; every further one repeats the grid."""
    objectives: Annotated[tuple[Known, ...], default("the preset's")] = ()
    """Objectives to compare."""
    autoregressive: Annotated[tuple[float, ...], default("the preset's")] = ()
    """Of captioning: shares of clips that are predicted autoregressively, the others in parallel."""
    captioning_weights: Annotated[tuple[float, ...], default("the preset's")] = ()
    """Of hybrids: weights of captioning; the rest is that of the contrastive loss."""
    shared: tuple[Shared, ...] = ("nothing",)
    """Of hybrids: what the two losses share of the text side."""
    steps: Annotated[int | None, default("the preset's", "INT")] = None
    """Training steps of every run."""


def objective(options: Objective) -> Study:
    """The full study that the options describe."""
    steps, sizes, objectives, shares, weights = PRESETS[options.preset]
    levels: dict[str, Any] = {}
    for name in options.objectives or objectives:
        levels |= _levels(name, options.autoregressive or shares, options.captioning_weights or weights, options.shared)
    if len(levels) < 2:
        raise StudyError(f"one objective, {next(iter(levels))}, is compared with none: give two at least")
    return Study(
        name="objective",
        preset=options.preset,
        title="Which objective wins which kind of task?",
        question="Which objective makes the best encoder for which kind of task, and do hybrids beat both parents?",
        template=Run(ContrastiveOptions(), optimization=Optimization(steps=options.steps or steps)),
        axes=(clips_axis(options.clips or sizes),),
        factors=(
            Factor(
                "objective",
                {name: {"objective": options} for name, options in levels.items()},
                # Every two of nine are 36 pairs; what each is worth beside the usual one fits a page.
                baseline=next(iter(levels)),
                parents={name: pair for name in levels if (pair := _parents(name, levels))},
            ),
        ),
        seeds=options.seeds,
        corpus=options.corpus(),
    )


def _parents(name: str, levels: dict[str, Any]) -> tuple[str, ...]:
    """Of a hybrid the contrastive arm, and the one of captioning that predicts as it does; nothing of what is none."""
    if not isinstance(options := levels[name], HybridOptions):
        return ()
    captioning = CaptioningOptions(autoregressive=options.autoregressive)
    pair = tuple(other for other in levels if levels[other] in (ContrastiveOptions(), captioning))
    return pair if len(pair) == 2 else ()


def _levels(
    name: Known, shares: tuple[float, ...], weights: tuple[float, ...], shared: tuple[Shared, ...]
) -> dict[str, Any]:
    """The arms of one objective, by their names for people."""
    if name == "captioning":
        return {
            "captioning" if len(shares) == 1 else f"captioning {100 * share:g} % autoregressive": CaptioningOptions(
                autoregressive=share
            )
            for share in shares
        }
    if name == "hybrid":
        return {
            f"{'hybrid' if what == 'nothing' else what} {100 * weight:g} % captioning": HybridOptions(
                captioning=weight, shared=what
            )
            for what in shared
            for weight in weights
        }
    return {name: {"contrastive": ContrastiveOptions, "siglip": SiglipOptions, "tagging": TaggingOptions}[name]()}


if __name__ == "__main__":
    sys.exit(run_study(objective, Objective, __doc__))
