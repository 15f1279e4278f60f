"""How does an audio encoder's quality grow with captioned data, under which objective, and does a supervised
start pay?

{contrastive, captioning} x nested subsets x {scratch, initialized}, every run with the same number of steps,
probed on the frozen encoder (the scaling study of Tseng et al. 2026, "Revisiting Audio-language Pretraining",
with intervals).

    python studies/data_scale.py                        # laptop: embedded corpus, minutes on two cores
    python studies/data_scale.py --preset smoke         # two sizes, about a minute
    python studies/data_scale.py --preset paper --dry-run    # that study's own grid and what it would cost
    ray job submit --working-dir . -- python studies/data_scale.py

Nothing is downloaded. A study that was stopped goes on where it was when it is started again.

Cost on two cores: 16 runs and 4 references, 6 to 8 minutes. What it answered there (one seed): contrastive is ahead of
captioning at 3,200 clips, by 5.2 points of error from scratch (90 % interval 4.0 to 6.3) and by 2.0 when initialized
(1.0 to 3.1); a supervised start gains 5 to 9 points at every size.
"""

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from scaling.cli import run_study
from scaling.errors import StudyError
from scaling.models.options import ZIPFORMERS
from scaling.objectives.options import CaptioningOptions, ContrastiveOptions, TextKind
from scaling.study.checkpoints import named_initialization
from scaling.study.encoders import named_encoder
from scaling.study.options import Options, default
from scaling.study.resources import Resources
from scaling.study.run import Data, Optimization, Run, with_fields
from scaling.study.study import Assumed, Factor, Study, clips_axis, objective_factor
from scaling.study.texts import named_text, with_text, with_tokenizer

PRESETS: dict[str, tuple[int, tuple[int | Literal["all"], ...]]] = {
    "laptop": (700, (100, 320, 1000, 3200)),
    "smoke": (20, (100, 200)),
    "paper": (600_000, (400_000, 1_000_000, 4_000_000, "all")),
}
"""Steps and sizes."""
INIT_STEPS = {"paper": 200_000}

CAPTIONSTEW = Assumed(clips=9_300_000, hours=37_290.0)
BERT_BASE = '{"model_type": "bert"}'
BART_BASE_DECODER = json.dumps(
    {"model_type": "bart", "d_model": 768, "decoder_layers": 6, "decoder_attention_heads": 12, "decoder_ffn_dim": 3072}
)
PAPER_OBJECTIVES: dict[str, Any] = {
    "contrastive": ContrastiveOptions(text_config=BERT_BASE, max_tokens=30, joint_width=1024, tokenizer="bpe-30000"),
    "captioning": CaptioningOptions(text_config=BART_BASE_DECODER, max_tokens=128, tokenizer="bpe-30000"),
}
PAPER = Run(
    PAPER_OBJECTIVES["contrastive"],
    Data(crop_seconds=60.0, time_masks=10, time_mask_frames=100, mel_masks=2, mel_mask_bins=27),
    ZIPFORMERS["M"],
    optimization=Optimization(
        batch_seconds=5120.0,
        optimizer="scaled-adam",
        schedule="eden",
        learning_rate=0.045,
        text_rate=1.0,
        weight_decay=0.0,
        clip=2.0,
        average_every=200,
    ),
)
"""The recipe of the CaptionStew study, and of its toolkit where the study does not say."""
WORKERS = 8


@dataclass(frozen=True)
class DataScale(Options):
    preset: Literal["laptop", "smoke", "paper"] = "laptop"  # type: ignore[assignment]
    """laptop: the whole grid in minutes on two cores. smoke: two sizes and few steps, to see that everything works.
    paper: the grid of the CaptionStew study with Zipformer-M, for 8 GPUs a run."""
    objectives: tuple[str, ...] = ("contrastive", "captioning")
    """Objectives to compare."""
    steps: Annotated[int | None, default("the preset's", "INT")] = None
    """Training steps of every run."""
    audio_init: str = "supervised"
    """What the encoder of the initialized arm starts from: supervised (a run of its own that classifies
    labelled clips first), scratch, or the path of a weights.safetensors."""
    text_init: str = "scratch"
    """What the text side of the initialized arm starts from: scratch, public (the weights of --text-encoder and
    --text-decoder), or the path of a weights.safetensors."""
    init_steps: Annotated[int | None, default("as many as from scratch", "INT")] = None
    """Training steps of the initialized arm."""
    encoder: Annotated[str, default("the preset's")] = ""
    """transformer, zipformer-S, -M, -L or -tiny, a folder with a config.json of the transformers library, or a name on
    the hub whose files are in the local cache."""
    text_encoder: Annotated[str, default("the preset's", "NAME")] = ""
    """Text encoder of objectives that have one: a folder, or a name on the hub that is in the local cache, of a BERT-
    or RoBERTa-like model; with its own tokenizer, if it is there."""
    text_decoder: Annotated[str, default("the preset's", "NAME")] = ""
    """The same of objectives with a decoder: a BART-shaped one."""
    tokenizer: Annotated[str, default("the text model's own, or the preset's", "NAME")] = ""
    """What captions are read by: words, or bpe-<tokens> (byte pairs of the study's captions)."""

    recompute: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Compute the encoder's layers again in the backward pass: less memory for a third more time."""
    accumulate: int = 1
    """Parts that a worker takes its share of a batch in, one after another: less memory."""

    def resources(self) -> Resources:
        found = super().resources()
        return replace(found, group=WORKERS) if self.preset == "paper" and self.group_workers == 1 else found


def data_scale(options: DataScale) -> Study:
    """The full study that the options describe."""
    steps, sizes = PRESETS[options.preset]
    paper = options.preset == "paper"
    template = PAPER if paper else Run(ContrastiveOptions())
    template = with_fields(template, {"optimization.steps": options.steps or steps})
    memory = {"optimization.recompute": options.recompute, "optimization.accumulate": options.accumulate}
    template = with_fields(template, memory)
    if options.encoder:
        template = replace(template, encoder=named_encoder(options.encoder))
    audio, checkpoints = named_initialization(options.audio_init, ("supervised", "scratch"))
    text, more = named_initialization(options.text_init, ("scratch", "public"))
    start: dict[str, Any] = {"initialization.audio": audio, "initialization.text": text}
    init_steps = options.init_steps or (None if options.steps else INIT_STEPS.get(options.preset))
    start |= {"optimization.steps": init_steps} if init_steps else {}
    objectives = objective_factor(options.objectives)
    if paper:
        own = {name: {"objective": PAPER_OBJECTIVES[name]} for name in objectives.levels if name in PAPER_OBJECTIVES}
        objectives = replace(objectives, levels={**objectives.levels, **own})
    objectives, texts = _with_texts(objectives, options)
    return Study(
        name="data-scale",
        preset=options.preset,
        title="How does an audio encoder grow with captioned data?",
        question="Which objective, how much data, and does a supervised initialization pay?",
        template=template,
        axes=(clips_axis(options.clips or sizes),),
        factors=(
            objectives,
            Factor("initialization", {"from scratch": {}, "initialized": start}, baseline="from scratch"),
        ),
        seeds=options.seeds,
        corpus=options.corpus(),
        checkpoints={**checkpoints, **more, **texts},
        assumed=CAPTIONSTEW if paper and not options.manifests else None,
    )


def _with_texts(objectives: Factor, options: DataScale) -> tuple[Factor, dict[str, Path]]:
    """The objectives with the text models and the tokenizer that are named, and where their files lie."""
    public = options.text_init == "public"
    levels, files = {}, dict[str, Path]()
    for name, level in objectives.levels.items():
        objective = level["objective"]
        kind: TextKind | Literal[""] = getattr(objective, "text", "")
        if kind and (model := {"encoder": options.text_encoder, "decoder": options.text_decoder}[kind]):
            text = named_text(model, kind, public)
            objective, files = with_text(objective, text), {**files, **text.files}
        elif kind and public:
            raise StudyError(f"--text-init public: name the model of {name} with --text-{kind}")
        if kind and options.tokenizer:
            objective = with_tokenizer(objective, options.tokenizer)
        levels[name] = {**level, "objective": objective}
    return replace(objectives, levels=levels), files


if __name__ == "__main__":
    sys.exit(run_study(data_scale, DataScale, __doc__))
