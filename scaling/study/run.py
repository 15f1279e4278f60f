"""A run: one cell of a study's grid, in parts. Only the fields that decide its numbers live here.

How many CPUs, GPUs or lanes work on it, and where its files lie, never changes its name.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args

from scaling.errors import StudyError
from scaling.known import born, read_fields, set_fields
from scaling.models.options import ENCODERS, TransformerOptions
from scaling.objectives.options import OBJECTIVES
from scaling.probes.options import REFERENCES

Protocol = Literal["equal-steps", "equal-passes"]
OptimizerName = Literal["adamw", "scaled-adam"]
CAPTION_STYLES = ("human", "rewritten", "attribute")
ScheduleName = Literal["cosine", "eden"]


class Subset(NamedTuple):
    """Clips of a store that a run is trained on: so many by rank ("all": every one), of all sources but those in
    `without`, and of a style of captions those that have one."""

    clips: int | Literal["all"]
    without: tuple[str, ...] = ()
    style: str = ""

    @property
    def told(self) -> str:
        """What it says beside the number of its clips."""
        besides = f" without {', '.join(self.without)}" if self.without else ""
        return f"{besides} with a caption of style {self.style}" if self.style else besides


@dataclass(frozen=True)
class Data:
    """Which clips a run is trained on, and what is cut and masked of them.

    `clips` counts unique clips ("all" until the store knows how many there are), of all sources but those that are
    named in `without`. With a `caption_style` only clips that have captions of this style count, and only those
    captions are learned; `caption_choice` says whether one of them is drawn each time or the first is taken. Masks are
    SpecAugment's: how many of time and of mel bins, and the widest.
    """

    clips: int | Literal["all"] = 0
    without: tuple[str, ...] = ()
    crop_seconds: float = born(2.0, now=4.0)
    time_masks: int = 1
    time_mask_frames: int = 5
    mel_masks: int = 1
    mel_mask_bins: int = 4
    caption_style: str = born("")
    caption_choice: Literal["all", "first"] = born("all")

    @property
    def subset(self) -> Subset:
        """The clips."""
        return Subset(self.clips, self.without, self.caption_style)


@dataclass(frozen=True)
class Initialization:
    """What a run's weights start from, by the name of a known initialization (`training/initialize.py`).

    `parent` is the name of the run whose encoder an `audio` of "supervised" takes.
    """

    audio: str = "scratch"
    text: str = "scratch"
    parent: str = ""


@dataclass(frozen=True)
class Optimization:
    """How long and how a run is trained: `steps` under the protocol of equal steps, `passes` over its clips under that
    of equal passes.

    `text_rate` multiplies the learning rate of all that is not the encoder: a text side from scratch must learn words
    before an encoder can learn anything from it. `warmup` is a share of the steps. A batch has `batch_size` clips, or,
    if `batch_seconds` is not 0, at most so many seconds of audio in clips of like length; both count over all workers.
    With `recompute` the encoder's layers are computed again in the backward pass: less memory for a third more time.
    `accumulate` parts of a batch are batches of their own to an objective; with `at_once` a worker holds the
    activations of so many clips at once (0: of all that it has), and the gradient stays that of its whole batch.
    """

    steps: int = 0
    passes: float = 0.0
    batch_size: int = born(32, now=64)
    learning_rate: float = 1e-3
    text_rate: float = born(5.0, now=2.0)
    weight_decay: float = 0.05
    warmup: float = 0.1
    batch_seconds: float = 0.0
    accumulate: int = 1
    optimizer: OptimizerName = "adamw"
    schedule: ScheduleName = "cosine"
    eden_steps: float = 7500.0
    eden_passes: float = 3.5
    eden_warmup: float = 500.0
    clip: float = 1.0
    average_every: int = 0
    average_last: float = 0.2
    recompute: bool = False
    at_once: int = 0

    def __post_init__(self) -> None:
        for what, value, known in (
            ("optimizer", self.optimizer, get_args(OptimizerName)),
            ("schedule", self.schedule, get_args(ScheduleName)),
        ):
            if value not in known:
                raise StudyError(f"there is no {what} {value}: known are {', '.join(known)}")
        for what in ("batch_size", "accumulate", "clip", "eden_steps", "eden_passes"):
            if not 0 < getattr(self, what) < math.inf:
                raise StudyError(f"an optimization with {what} {getattr(self, what)}: it must be positive")
        if self.batch_size % self.accumulate:
            raise StudyError(f"a batch of {self.batch_size} clips does not divide into {self.accumulate} parts")
        if self.at_once < 0:
            raise StudyError(f"an optimization with at_once {self.at_once}: give a number of clips, or 0 for all")
        if self.average_every < 0 or not 0 <= self.average_last <= 1:
            raise StudyError(
                f"an average over every {self.average_every}th step of the last {self.average_last} of a run: give a "
                "number of steps, and a share from 0 to 1"
            )


@dataclass(frozen=True)
class Run:
    """One cell of the grid.

    `objective` holds the options of a known objective; None marks a reference, which is probed without any training:
    the untrained `encoder`, or what stands in its place (`probes.options.REFERENCES`). `protocol` says what is held
    equal over the sizes of an arm; the analysis never fits two protocols together.
    """

    objective: Any
    data: Data = field(default_factory=Data)
    encoder: Any = field(default_factory=TransformerOptions)
    initialization: Initialization = field(default_factory=Initialization)
    optimization: Optimization = field(default_factory=Optimization)
    protocol: Protocol = "equal-steps"
    seed: int = 0

    def check(self) -> None:
        """Raise `StudyError` for batches that cannot be, captions of no known style, and where the encoder cannot hear
        as much as is cut of a clip."""
        if self.data.caption_style not in ("", *CAPTION_STYLES):
            known = ", ".join(CAPTION_STYLES)
            raise StudyError(f"there is no style of captions {self.data.caption_style}: known are {known}")
        seconds, crop = self.optimization.batch_seconds, self.data.crop_seconds
        if seconds and seconds < crop:
            raise StudyError(f"batches of {seconds:g} s hold no clip of {crop:g} s: raise optimization.batch_seconds")
        if seconds and self.protocol == "equal-passes":
            raise StudyError("passes are counted in batches of clips: set optimization.batch_seconds to 0")
        longest = getattr(self.encoder, "longest_seconds", crop)
        if crop > longest:
            raise StudyError(
                f"{self.encoder_name} {self.encoder.label} hears {longest:g} s at most, and clips are cropped to "
                f"{crop:g} s: crop them to no more"
            )

    @cached_property
    def steps(self) -> int:
        """How many steps it trains."""
        if self.objective is None:
            return 0
        if self.protocol == "equal-steps":
            return self.optimization.steps
        clips = self.data.clips if isinstance(self.data.clips, int) else 0
        return max(1, round(self.optimization.passes * clips / self.optimization.batch_size))

    @property
    def work(self) -> float:
        """What it costs, in a unit of no meaning: clips seen in training times the encoder's parameters."""
        optimization = self.optimization
        clips = optimization.batch_seconds / self.data.crop_seconds or optimization.batch_size
        return float(self.steps) * clips * max(int(self.encoder.parameters), 1)

    @property
    def objective_name(self) -> str:
        """The objective's name in the table; "none" for a reference."""
        return "none" if self.objective is None else OBJECTIVES.name_of(self.objective)

    @property
    def encoder_name(self) -> str:
        """The encoder's name in its table, or that of what stands in its place."""
        table = REFERENCES if type(self.encoder) in {known.options for known in REFERENCES.values()} else ENCODERS
        return table.name_of(self.encoder)

    @property
    def reference(self) -> str:
        """What a run without an objective is as a reference; "" for a run that is trained."""
        if self.objective is not None:
            return ""
        return self.encoder_name if self.encoder_name in REFERENCES else "untrained"

    @cached_property
    def hash(self) -> str:
        """Eight hex digits over every field that does not have its birth value; a reference is not optimized."""
        parts: dict[str, Any] = {"objective": self.objective_name, "encoder": self.encoder_name, "seed": self.seed}
        for each in fields(self):
            if self.objective is None and each.name == "optimization":
                continue
            part = getattr(self, each.name)
            if hasattr(part, "__dataclass_fields__"):
                parts |= {f"{each.name}.{key}": value for key, value in set_fields(part).items()}
            elif each.name not in parts and part != each.metadata.get("birth", each.default):
                parts[each.name] = part
        return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=4).hexdigest()

    @cached_property
    def name(self) -> str:
        """A readable name with a short hash of the fields; the run's folder and its name in MLflow."""
        label = getattr(self.encoder, "label", None)
        encoder = [label] if label else [f"{key}{value}" for key, value in set_fields(self.encoder).items()]
        if self.encoder_name not in ("transformer", *REFERENCES):
            encoder.insert(0, self.encoder_name)
        if self.objective is None:
            parts = [self.reference, *encoder]
        elif self.objective.targets == "labels":
            parts = [self.objective_name, *encoder]
        else:
            parts = [self.objective_name, str(self.data.clips), self.initialization.audio, *encoder]
            parts += [f"without-{source}" for source in self.data.without]
            parts += [f"{self.data.caption_style}-captions"] if self.data.caption_style else []
        return "-".join([*parts, f"s{self.seed}", self.hash])


def with_fields(run: Run, changes: Mapping[str, Any]) -> Run:
    """The run with other values in some fields, named by dots: `{"data.clips": 100, "encoder": Mine(96)}`.

    Raises `StudyError` for a field that the run does not have.
    """
    for path, value in changes.items():
        part, _, name = path.partition(".")
        try:
            run = replace(run, **{part: replace(getattr(run, part), **{name: value}) if name else value})
        except (AttributeError, TypeError):
            raise StudyError(f"a run has no field {path}") from None
    return run


def flat_fields(run: Run) -> dict[str, Any]:
    """Every field by its dotted name; `objective` and `encoder` are their names, and their own fields follow."""
    flat: dict[str, Any] = {}
    for part, value in run_to_json(run).items():
        if isinstance(value, dict):
            flat |= {part if key == "name" else f"{part}.{key}": inner for key, inner in value.items()}
        else:
            flat[part] = "none" if value is None else value
    return flat


def run_to_json(run: Run) -> dict[str, Any]:
    """A run as plain data, every field of every part."""
    table = REFERENCES if run.encoder_name in REFERENCES else ENCODERS
    return {
        "objective": None if run.objective is None else OBJECTIVES.to_json(run.objective),
        "data": asdict(run.data),
        "encoder": table.to_json(run.encoder),
        "initialization": asdict(run.initialization),
        "optimization": asdict(run.optimization),
        "protocol": run.protocol,
        "seed": run.seed,
    }


def run_from_json(described: Mapping[str, Any]) -> Run:
    """The run that `run_to_json` described.

    Raises `StudyError` where it is of another version of this project.
    """
    try:
        encoder = described["encoder"]
        table = REFERENCES if encoder["name"] in REFERENCES else ENCODERS
        objective = described["objective"]
        return Run(
            None if objective is None else OBJECTIVES.from_json(objective),
            read_fields(Data, described["data"]),
            table.from_json(encoder),
            read_fields(Initialization, described["initialization"]),
            read_fields(Optimization, described["optimization"]),
            described["protocol"],
            described["seed"],
        )
    except (KeyError, TypeError, AttributeError):
        raise StudyError("a run.json of another version of this project") from None
