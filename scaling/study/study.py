"""What a study is: the runs of its grid, what is fixed, and the question they answer.

Only the scientific fields live here. How many CPUs, GPUs or lanes work on them is the launcher's business and
never changes a run's name.
"""

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from scaling.errors import StudyError

Objective = Literal["contrastive", "captioning", "supervised", "none"]
"""`none` marks a reference: something that is probed without any pretraining."""


@dataclass(frozen=True)
class Model:
    """Sizes of the networks. One encoder serves every objective; the text side is the objective's own."""

    width: int = 64
    layers: int = 1
    heads: int = 4
    text_width: int = 64
    text_layers: int = 1
    max_tokens: int = 24


@dataclass(frozen=True)
class Run:
    """One cell of the grid: the fields that decide its numbers, and nothing else.

    `clips` counts unique clips ("all" until the store knows how many there are). `sources` names the corpora
    the clips come from; empty means all. `parent` is the name of the supervised run whose encoder this run
    starts from. `text_rate` multiplies the learning rate of all that is not the encoder: a text side from
    scratch must learn words before an encoder can learn anything from it. `protocol` says what is held equal
    over the sizes of an arm; the analysis never fits two protocols together.
    """

    objective: Objective
    clips: int | Literal["all"] = 0
    encoder: str = "transformer"
    audio_init: str = "scratch"
    text_init: str = "scratch"
    parent: str = ""
    sources: tuple[str, ...] = ()
    protocol: Literal["equal-steps"] = "equal-steps"
    seed: int = 0
    steps: int = 0
    batch_size: int = 32
    learning_rate: float = 1e-3
    text_rate: float = 5.0
    weight_decay: float = 0.05
    warmup: float = 0.1
    crop_seconds: float = 2.0
    time_masks: int = 1
    time_mask_frames: int = 5
    mel_masks: int = 1
    mel_mask_bins: int = 4
    temperature: float = 0.07
    label_smoothing: float = 0.1
    autoregressive: float = 0.25
    model: Model = field(default_factory=Model)

    @property
    def hash(self) -> str:
        """Eight hex digits over every field."""
        fields = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.blake2b(fields.encode(), digest_size=4).hexdigest()

    @property
    def name(self) -> str:
        """A readable name with a short hash of the fields; the run's folder and its name in MLflow."""
        if self.objective == "none":
            what = "untrained" if self.encoder not in ("chance", "log-mel") else self.encoder
            parts = [what]
        elif self.objective == "supervised":
            parts = ["supervised"]
        else:
            parts = [self.objective, str(self.clips), self.audio_init]
        if self.sources:
            parts.append("+".join(self.sources))
        return "-".join([*parts, f"s{self.seed}", self.hash])

    @property
    def arm(self) -> str:
        """What a person calls the run beside its size and seed."""
        if self.objective in ("contrastive", "captioning"):
            return f"{self.objective}, {self.audio_init}"
        return self.name.rsplit("-", 2)[0]


@dataclass(frozen=True)
class Corpus:
    """Where the clips come from: Lhotse manifests and labelled tasks, or (no manifests) the embedded corpus.

    Clips outside `min_seconds` to `max_seconds` are rejected. `holdout` is the share of the usable clips that
    no subset contains, kept for the fixed loss that every run logs; it is bounded to 32 to 512 clips. `salt`
    keys the ranking.
    """

    manifests: tuple[str, ...] = ()
    audio_root: str = ""
    tasks: str = ""
    min_seconds: float = 1.0
    max_seconds: float = 60.0
    holdout: float = 0.01
    salt: str = "scaling"

    @property
    def embedded(self) -> bool:
        return not self.manifests


@dataclass(frozen=True)
class Study:
    """A set of runs, the corpus they see and are probed on, and the question they answer."""

    name: str
    preset: str
    question: str
    corpus: Corpus
    runs: tuple[Run, ...]
    checkpoints: dict[str, Path] = field(default_factory=dict)
    """Where the weights of an `audio_init` or `text_init` named `checkpoint-…` lie; a path is no scientific
    field."""

    @property
    def sizes(self) -> tuple[int | Literal["all"], ...]:
        return tuple(dict.fromkeys(run.clips for run in self.runs if run.clips))

    def resolve(self, available: int) -> "Study":
        """The same study with "all" replaced by the number of usable clips."""
        runs = tuple(replace(run, clips=available) if run.clips == "all" else run for run in self.runs)
        return replace(self, runs=tuple(dict.fromkeys(runs)))


def grid(template: Run, **factors: Sequence[Any]) -> tuple[Run, ...]:
    """Every combination of the factors over a template, in the order given.

    >>> [run.clips for run in grid(Run("contrastive"), clips=[10, 20])]
    [10, 20]
    """
    names = list(factors)
    return tuple(
        replace(template, **dict(zip(names, values, strict=True))) for values in itertools.product(*factors.values())
    )


def with_parents(runs: Sequence[Run], supervised: Run) -> tuple[Run, ...]:
    """The runs, and the supervised run (one a seed) that those with `audio_init="supervised"` wait for."""
    parents = {run.seed: replace(supervised, seed=run.seed) for run in runs if run.audio_init == "supervised"}
    children = (replace(run, parent=parents[run.seed].name) if run.audio_init == "supervised" else run for run in runs)
    return (*parents.values(), *children)


def references(template: Run, seeds: Sequence[int]) -> tuple[Run, ...]:
    """What a curve is read against: chance, log-mel statistics, and the untrained encoder of every seed."""
    blank = replace(template, objective="none", clips=0, steps=0, audio_init="scratch", text_init="scratch")
    fixed = [replace(blank, encoder=encoder, seed=0) for encoder in ("chance", "log-mel")]
    return (*fixed, *(replace(blank, seed=seed) for seed in dict.fromkeys(seeds)))


def run_from_json(fields: dict[str, Any]) -> Run:
    """The run that a `run.json` describes."""
    known = {f.name for f in dataclasses.fields(Run)}
    if unknown := set(fields) - known:
        raise StudyError(f"run.json has fields of another version of this project: {', '.join(sorted(unknown))}")
    return Run(**{**fields, "sources": tuple(fields["sources"]), "model": Model(**fields["model"])})
