"""A study: a template run, the axes that curves run along, the factors whose levels are compared, seeds and a question.

Everything else follows from these: the grid, the supervised runs that others start from, and the references that curves
are read against.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from scaling.errors import StudyError
from scaling.models.formats import Format, LogMel, formats_in_order, heard_by
from scaling.objectives.options import OBJECTIVES, SupervisedOptions
from scaling.probes.options import ChanceOptions, LogMelOptions
from scaling.study.rates import Rate, rate_for
from scaling.study.run import Data, Initialization, Run, Subset, with_fields

Changes = Mapping[str, Any]
"""Fields of a run by their dotted names, and their values; several may move together."""


@dataclass(frozen=True)
class Corpus:
    """Where the clips come from: Lhotse manifests and labelled tasks, or (no manifests) the embedded corpus.

    Clips outside `min_seconds` to `max_seconds` are rejected. `holdout` is the share of the usable clips that
    no subset contains, kept for the fixed loss that every run logs; it is bounded to 32 to 512 clips. `salt`
    keys the ranking. `leaks` are lists of evaluation clips that are kept out (`data/leaks.py`). `weights` say of some
    sources how much denser than in their own proportion they stand in small subsets. `styled` gives every clip of the
    embedded corpus captions of every style.
    """

    manifests: tuple[str, ...] = ()
    audio_root: str = ""
    tasks: str = ""
    min_seconds: float = 1.0
    max_seconds: float = 60.0
    holdout: float = 0.01
    salt: str = "scaling"
    leaks: tuple[str, ...] = ()
    weights: tuple[tuple[str, float], ...] = ()
    styled: bool = False

    @property
    def embedded(self) -> bool:
        return not self.manifests


@dataclass(frozen=True)
class Assumed:
    """What a dry run takes a corpus for that is not at hand."""

    clips: int
    hours: float


@dataclass(frozen=True)
class Axis:
    """A field of the run (dotted) and the values that curves run along.

    `column` is that of the scores (`clips`, `parameters`, `samples_seen` are measured; any other is the field's own),
    `name` stands at a figure's axis, `unit` behind a number of it. On a "log" scale laws are fitted along it; "nominal"
    values have no law, and one of them is best.
    """

    field: str
    values: tuple[Any, ...]
    column: str
    name: str
    unit: str
    scale: Literal["log", "nominal"] = "log"


def clips_axis(sizes: tuple[int | Literal["all"], ...]) -> Axis:
    """The axis of unique clips."""
    return Axis("data.clips", sizes, "clips", "unique clips", "clips")


@dataclass(frozen=True)
class Factor:
    """What is compared: levels, each a name for people and the fields that it sets.

    With a `baseline` every level is compared with that one, else every two. `parents` names of a level that mixes
    others which: it is asked whether it is ahead of all of them.
    """

    name: str
    levels: Mapping[str, Changes]
    baseline: str | None = None
    parents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def objective_factor(names: Sequence[str]) -> Factor:
    """The factor of known objectives, each with the defaults of its options.

    Raises `StudyError` for an unknown one, or one that does not learn from captions.
    """
    known = {name: OBJECTIVES.default(name) for name in names}
    if labels := [name for name, options in known.items() if options.targets != "captions"]:
        raise StudyError(f"{labels[0]} learns from labels and not from the mixture: it has no curve along its clips")
    return Factor("objective", {name: {"objective": options} for name, options in known.items()})


@dataclass(frozen=True)
class Cell:
    """A run as it stands in its study: with the level of every factor by the factor's name, and, where it is not under
    study itself, as which reference."""

    run: Run
    levels: Mapping[str, str]
    reference: str = ""

    @property
    def arm(self) -> str:
        """What a person calls the run beside its place on the axes and its seed."""
        return self.reference or ", ".join(self.levels.values()) or self.run.objective_name


@dataclass(frozen=True)
class Study:
    """See the module. `checkpoints` says where the weights of an initialization named `checkpoint-…` lie: a path is no
    scientific field. With `assumed` it can be estimated and not be done, for want of a corpus. `rates` are those that
    its runs take instead of their own, where a search has found them."""

    name: str
    preset: str
    title: str
    question: str
    template: Run
    axes: tuple[Axis, ...]
    factors: tuple[Factor, ...] = ()
    seeds: tuple[int, ...] = (0,)
    corpus: Corpus = field(default_factory=Corpus)
    checkpoints: Mapping[str, Path] = field(default_factory=dict)
    assumed: Assumed | None = None
    rates: tuple[Rate, ...] = ()
    probes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise `StudyError` where a run would stand in two arms, which could then not be told apart, or cannot be; and
        where `rates` lack an arm."""
        arms: dict[Run, str] = {}
        for levels, run in self._arms():
            run.check()
            arm = Cell(run, levels).arm
            if self.rates:
                rate_for(run, self.rates, arm)
            if (other := arms.setdefault(run, arm)) != arm:
                raise StudyError(f"{other} and {arm} would be the same runs: one of them must set something else")

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Every run once: references first, then supervised runs, then the grid, as its factors and axes name it."""
        grid = [
            self._with_parent(Cell(replace(run, seed=seed), levels))
            for levels, run in self._arms()
            for values in itertools.product(*(axis.values for axis in self.axes))
            for run in [self._on_axes(run, values)]
            for seed in self.seeds
        ]
        runs = [cell.run for cell in grid]
        parents = dict.fromkeys(self._parent(run) for run in runs if run.initialization.audio == "supervised")
        beside = [Cell(run, self._shared(run, grid), run.reference) for run in _references(runs)]
        beside += [Cell(run, self._shared(run, grid), run.objective_name) for run in parents if run not in set(runs)]
        return tuple({cell.run: cell for cell in [*beside, *grid]}.values())

    @property
    def runs(self) -> tuple[Run, ...]:
        return tuple(cell.run for cell in self.cells)

    @property
    def sizes(self) -> tuple[int | Literal["all"], ...]:
        """Every number of clips that some run is trained on."""
        return tuple(dict.fromkeys(run.data.clips for run in self.runs if run.data.clips))

    @property
    def subsets(self) -> tuple[Subset, ...]:
        """The clips that runs are trained on."""
        return tuple(dict.fromkeys(run.data.subset for run in self.runs if run.data.clips))

    @cached_property
    def formats(self) -> tuple[Format, ...]:
        """What its encoders hear; the usual log-mels where there are none."""
        heard = [heard_by(run.encoder) for run in self.runs if run.reference in ("", "untrained")]
        return formats_in_order(heard or [LogMel()])

    def resolve(self, available: int) -> "Study":
        """The same study with "all" replaced by the number of usable clips."""

        def known(axis: Axis) -> Axis:
            if axis.field != "data.clips":
                return axis
            values = (available if value == "all" else value for value in axis.values)
            return replace(axis, values=tuple(dict.fromkeys(values)))

        clips = available if self.template.data.clips == "all" else self.template.data.clips
        template = with_fields(self.template, {"data.clips": clips})
        return replace(self, template=template, axes=tuple(map(known, self.axes)))

    def design(self) -> dict[str, Any]:
        """What the analysis has to know of the study, as plain data (`analysis.scores.design`)."""
        return {
            "title": self.title,
            "question": self.question,
            "axes": [{key: getattr(axis, key) for key in ("column", "name", "unit", "scale")} for axis in self.axes],
            "factors": [
                {
                    "name": factor.name,
                    "levels": list(factor.levels),
                    "baseline": factor.baseline,
                    "parents": {level: list(parents) for level, parents in factor.parents.items()},
                }
                for factor in self.factors
            ],
            "rates": [self._rate_of(run, Cell(run, levels).arm) for levels, run in self._arms()],
        }

    def _on_axes(self, run: Run, values: tuple[Any, ...]) -> Run:
        """An arm's run at one place on the axes, with the learning rate that was found for it."""
        run = with_fields(run, {axis.field: value for axis, value in zip(self.axes, values, strict=True)})
        if not self.rates:
            return run
        rate = rate_for(run, self.rates, "").at(run.data.clips)
        return with_fields(run, {"optimization.learning_rate": rate})

    def _rate_of(self, run: Run, arm: str) -> dict[str, Any]:
        """Whether an arm's learning rate was searched, and what is to be said of it."""
        if not self.rates:
            return {"arm": arm, "tuned": False, "said": f"{run.optimization.learning_rate:g}, not searched"}
        rate = rate_for(run, self.rates, arm)
        said = ", ".join(
            f"{one.learning_rate:.2g} at {one.clips:,} clips{f' (the {one.edge} that was tried)' if one.edge else ''}"
            for one in sorted(rate.found, key=lambda one: one.clips)
        )
        others = " and ".join(f"other options of the {what}" for what in rate.differs(run))
        return {"arm": arm, "tuned": True, "said": f"{said}{others and f'; searched with {others}'}"}

    def _arms(self) -> Iterator[tuple[dict[str, str], Run]]:
        """Every combination of levels, and the template with what they set."""
        for combination in itertools.product(*(factor.levels.items() for factor in self.factors)):
            run = self.template
            for _, changes in combination:
                run = with_fields(run, changes)
            yield {factor.name: name for factor, (name, _) in zip(self.factors, combination, strict=True)}, run

    def _parent(self, run: Run) -> Run:
        """The supervised run that a run starts from: all that must fit is the run's own, all else the template's."""
        return replace(
            self.template,
            objective=SupervisedOptions(),
            data=_features(run.data),
            encoder=run.encoder,
            initialization=Initialization(),
            protocol="equal-steps",
            seed=run.seed,
        )

    def _with_parent(self, cell: Cell) -> Cell:
        if cell.run.initialization.audio != "supervised":
            return cell
        parent = {"initialization.parent": self._parent(cell.run).name}
        return replace(cell, run=with_fields(cell.run, parent))

    def _shared(self, run: Run, grid: list[Cell]) -> dict[str, str]:
        """The levels that every run shares which a run beside the grid belongs to; "" where they differ."""
        mine = [cell for cell in grid if run.reference in ("chance", "log-mel") or cell.run.encoder == run.encoder]
        return {
            factor.name: names.pop() if len(names := {cell.levels[factor.name] for cell in mine}) == 1 else ""
            for factor in self.factors
        }


def _features(data: Data) -> Data:
    """What decides how a clip is heard, and not which clips there are."""
    return replace(data, clips=0, without=(), caption_style="", caption_choice="all")


def _references(runs: list[Run]) -> list[Run]:
    """Chance, log-mel statistics, and the untrained encoder of every seed, encoder and way of hearing."""
    found = []
    for run in runs:
        heard = Run(None, _features(run.data), seed=0)
        found += [replace(heard, encoder=ChanceOptions()), replace(heard, encoder=LogMelOptions())]
        found.append(replace(heard, encoder=run.encoder, seed=run.seed))
    return sorted(dict.fromkeys(found), key=lambda run: run.reference == "untrained")
