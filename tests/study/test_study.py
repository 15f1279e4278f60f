"""The cells of a study: every run once, with the parent and the references that fit it."""

from collections import Counter

import pytest

from scaling.analysis.scores.design import design_from_json
from scaling.errors import StudyError
from scaling.objectives.options import CaptioningOptions, ContrastiveOptions, SupervisedOptions
from scaling.study.run import Data, Optimization, Run, with_fields
from scaling.study.study import Axis, Cell, Factor, Study, clips_axis

TEMPLATE = Run(ContrastiveOptions(), optimization=Optimization(steps=10))
OBJECTIVES = Factor(
    "objective", {"contrastive": {"objective": ContrastiveOptions()}, "captioning": {"objective": CaptioningOptions()}}
)
STARTS = Factor(
    "initialization",
    {"from scratch": {}, "initialized": {"initialization.audio": "supervised", "optimization.steps": 5}},
    baseline="from scratch",
)
WIDTHS = Axis("encoder.width", (32, 64), "parameters", "parameters of the encoder", "parameters")


def study(*axes: Axis, factors: tuple[Factor, ...] = (STARTS,), template: Run = TEMPLATE, **fields: object) -> Study:
    axes = axes or (clips_axis((10, 20)),)
    return Study("widths", "smoke", "How wide?", "Does width pay?", template, axes, factors, **fields)  # type: ignore[arg-type]


def kinds(cells: tuple[Cell, ...]) -> Counter[str]:
    return Counter(cell.reference or cell.run.objective_name for cell in cells)


def test_the_grid_is_every_level_at_every_size_for_every_seed() -> None:
    made = study(factors=(OBJECTIVES, STARTS), seeds=(0, 1))
    assert kinds(made.cells) == {
        "chance": 1, "log-mel": 1, "untrained": 2, "supervised": 2, "contrastive": 8, "captioning": 8,
    }  # fmt: skip
    arms = Counter((cell.levels["objective"], cell.levels["initialization"]) for cell in made.cells[-16:])
    assert set(arms.values()) == {4}
    for cell in made.cells[-16:]:
        assert cell.levels["objective"] == cell.run.objective_name
        # Fields that move together move together.
        initialized = cell.levels["initialization"] == "initialized"
        assert (cell.run.initialization.audio, cell.run.optimization.steps) == (
            ("supervised", 5) if initialized else ("scratch", 10)
        )
        assert bool(cell.run.initialization.parent) == initialized
        assert cell.arm == f"{cell.levels['objective']}, {cell.levels['initialization']}"


def test_references_come_first_then_parents_then_the_grid_and_every_run_once() -> None:
    made = study(WIDTHS, clips_axis((10, 20)), seeds=(0, 1))
    order = [
        0 if cell.reference and cell.reference != "supervised" else 1 if cell.reference else 2 for cell in made.cells
    ]
    assert order == sorted(order)
    assert len(set(made.runs)) == len(made.runs)
    assert len({run.name for run in made.runs}) == len(made.runs)


def test_a_wider_encoder_has_its_own_parent_and_its_own_untrained_reference() -> None:
    made = study(WIDTHS, clips_axis((10, 20)), seeds=(0, 1))
    assert kinds(made.cells) == {"chance": 1, "log-mel": 1, "untrained": 4, "supervised": 4, "contrastive": 16}
    named = {run.name: run for run in made.runs}
    for run in made.runs:
        if run.initialization.parent:
            parent = named[run.initialization.parent]
            assert isinstance(parent.objective, SupervisedOptions)
            assert (parent.encoder, parent.seed) == (run.encoder, run.seed)
            # All else is the template's: its own steps, not those of the arm that starts from it.
            assert (parent.steps, parent.data.clips) == (10, 0)
    trained = {(cell.run.encoder, cell.run.seed) for cell in made.cells if not cell.reference}
    assert {(cell.run.encoder, cell.run.seed) for cell in made.cells if cell.reference == "untrained"} == trained


def test_another_way_of_hearing_has_references_and_a_parent_of_its_own() -> None:
    crops = Axis("data.crop_seconds", (1.0, 2.0), "data.crop_seconds", "crop", "s")
    made = study(crops, template=with_fields(TEMPLATE, {"data.clips": 10, "data.without": ("one",)}))
    assert kinds(made.cells) == {"chance": 2, "log-mel": 2, "untrained": 2, "supervised": 2, "contrastive": 4}
    for cell in made.cells:
        if cell.reference:
            assert cell.run.data == Data(crop_seconds=cell.run.data.crop_seconds)


def test_what_is_left_out_of_the_mixture_needs_no_other_reference() -> None:
    sources = Factor("left out", {"nothing": {}, "one": {"data.without": ("one",)}}, baseline="nothing")
    made = study(factors=(sources,))
    assert kinds(made.cells) == {"chance": 1, "log-mel": 1, "untrained": 1, "contrastive": 4}


def test_a_reference_has_the_levels_that_all_share_which_it_belongs_to() -> None:
    encoders = Factor("encoder", {"small": {"encoder.width": 32}, "large": {"encoder.width": 64}})
    made = study(factors=(encoders, STARTS))
    levels = {(cell.reference, cell.run.encoder_name, getattr(cell.run.encoder, "width", 0)): cell.levels
              for cell in made.cells if cell.reference}  # fmt: skip
    assert levels[("untrained", "transformer", 32)] == {"encoder": "small", "initialization": ""}
    assert levels[("supervised", "transformer", 64)] == {"encoder": "large", "initialization": ""}
    assert levels[("chance", "chance", 0)] == {"encoder": "", "initialization": ""}
    assert {cell.arm for cell in made.cells if cell.reference} == {"chance", "log-mel", "untrained", "supervised"}


def test_a_supervised_run_under_study_is_the_parent_of_the_others_and_there_once() -> None:
    objective = Factor(
        "objective",
        {"supervised": {"objective": SupervisedOptions()}, "contrastive": {"initialization.audio": "supervised"}},
    )
    made = study(Axis("encoder.width", (32,), "parameters", "", ""), factors=(objective,))
    assert kinds(made.cells) == {"chance": 1, "log-mel": 1, "untrained": 1, "supervised": 1, "contrastive": 1}
    [supervised] = [cell for cell in made.cells if cell.run.objective_name == "supervised"]
    assert (supervised.reference, supervised.levels) == ("", {"objective": "supervised"})
    assert made.runs[-1].initialization.parent == supervised.run.name


def test_all_is_what_there_is_and_a_size_that_is_named_twice_is_one() -> None:
    made = study(clips_axis((10, 20, "all")))
    assert made.sizes == (10, 20, "all")
    assert made.resolve(500).sizes == (10, 20, 500)
    assert made.resolve(20).sizes == (10, 20)
    assert len(made.resolve(20).cells) == len(study(clips_axis((10, 20))).cells)
    # What was begun before it was known goes by the same name after: parents and references have no size.
    before, after = ({cell.run.name for cell in some.cells if cell.reference} for some in (made, made.resolve(500)))
    assert before == after


def test_all_in_a_template_is_resolved_too() -> None:
    made = study(WIDTHS, template=with_fields(TEMPLATE, {"data.clips": "all"}))
    assert made.resolve(500).sizes == (500,)


def test_one_run_in_two_arms_is_refused() -> None:
    alike = Factor("initialization", {"from scratch": {}, "initialized": {"initialization.audio": "scratch"}})
    with pytest.raises(StudyError, match="from scratch and contrastive, initialized would be the same runs"):
        study(factors=(OBJECTIVES, alike))


def test_the_design_is_read_by_the_analysis() -> None:
    design = design_from_json(study(WIDTHS, clips_axis((10, 20)), factors=(OBJECTIVES, STARTS)).design())
    assert design.x.column == "parameters"
    assert [axis.scale for axis in design.axes] == ["log", "log"]
    assert [(factor.name, factor.levels, factor.baseline) for factor in design.factors] == [
        ("objective", ("contrastive", "captioning"), None),
        ("initialization", ("from scratch", "initialized"), "from scratch"),
    ]
