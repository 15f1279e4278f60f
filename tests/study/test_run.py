"""A run's name survives: what is added later, and what belongs to others, is not in it."""

import json
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from typing import Any

import pytest

from scaling.errors import StudyError
from scaling.known import Known, born
from scaling.models.options import ENCODERS, ZIPFORMERS, HubOptions, TransformerOptions, ZipformerOptions
from scaling.objectives.options import (
    OBJECTIVES,
    CaptioningOptions,
    ContrastiveOptions,
    HybridOptions,
    SiglipOptions,
    SupervisedOptions,
    TaggingOptions,
)
from scaling.probes.options import REFERENCES, ChanceOptions, LogMelOptions
from scaling.study.run import (
    Data,
    Initialization,
    Optimization,
    Run,
    flat_fields,
    run_from_json,
    run_to_json,
    with_fields,
)

BEFORE: dict[str, Any] = {"batch_size": 32, "text_rate": 5.0}
"""Defaults that were changed after runs had been done with these."""
STEPS = Optimization(steps=20, **BEFORE)
HEARD = Data(crop_seconds=2.0)
RUN = Run(ContrastiveOptions(), replace(HEARD, clips=100), TransformerOptions(64), optimization=STEPS)
NAMES = {
    "contrastive-100-scratch-s0-dcb2d1a5": RUN,
    "contrastive-100-scratch-s0-f630584e": replace(
        RUN, optimization=Optimization(passes=2.5, **BEFORE), protocol="equal-passes"
    ),
    "captioning-100-checkpoint-3f2a-width96-layers2-without-one-without-two-s3-a5825ea8": Run(
        CaptioningOptions(autoregressive=0.5),
        replace(HEARD, clips=100, without=("one", "two")),
        TransformerOptions(96, 2),
        Initialization("checkpoint-3f2a"),
        STEPS,
        seed=3,
    ),
    "supervised-s0-c5a7bc3d": Run(SupervisedOptions(), HEARD, TransformerOptions(64), optimization=STEPS),
    "chance-s0-5b19ab9f": Run(None, HEARD, ChanceOptions()),
    "log-mel-s0-03251c69": Run(None, Data(crop_seconds=1.0), LogMelOptions()),
    "contrastive-100-scratch-zipformer-M-s0-06b5ca5b": replace(RUN, encoder=ZipformerOptions()),
    "contrastive-100-scratch-zipformer-tiny-s0-4fd71143": replace(RUN, encoder=ZIPFORMERS["tiny"]),
    "untrained-width96-s1-b11ee573": Run(None, HEARD, TransformerOptions(96), seed=1),
}
RENAMED = (
    "would rename every finished run: studies that were begun are not continued. A changed default is written "
    "`born(<the value before>, now=<the new one>)`; a new field joins this table with the value that every run had "
    "before it was there; a field is never renamed or taken away"
)
TEXT = {"text_width": 64, "text_layers": 1, "text_heads": 4, "max_tokens": 24, "text_config": "",
        "tokenizer": "words", "text_weights": ""}  # fmt: skip
BIRTHS: dict[type[Any], dict[str, Any]] = {
    Data: {
        "clips": 0,
        "without": (),
        "crop_seconds": 2.0,
        "time_masks": 1,
        "time_mask_frames": 5,
        "mel_masks": 1,
        "mel_mask_bins": 4,
        "caption_style": "",
        "caption_choice": "all",
    },
    Initialization: {"audio": "scratch", "text": "scratch", "parent": ""},
    Optimization: {
        "steps": 0,
        "passes": 0.0,
        "batch_size": 32,
        "learning_rate": 1e-3,
        "text_rate": 5.0,
        "weight_decay": 0.05,
        "warmup": 0.1,
        "batch_seconds": 0.0,
        "accumulate": 1,
        "optimizer": "adamw",
        "schedule": "cosine",
        "eden_steps": 7500.0,
        "eden_passes": 3.5,
        "eden_warmup": 500.0,
        "clip": 1.0,
        "average_every": 0,
        "average_last": 0.2,
        "recompute": False,
        "at_once": 0,
    },
    TransformerOptions: {"width": 64, "layers": 1, "heads": 4},
    ZipformerOptions: {
        "layers": (2, 2, 3, 4, 3, 2),
        "downsampling": (1, 2, 4, 8, 4, 2),
        "widths": (192, 256, 384, 512, 384, 256),
        "feed_forward": (576, 768, 1152, 1536, 1152, 768),
        "heads": (4, 4, 4, 8, 4, 4),
        "kernels": (31, 31, 15, 15, 15, 31),
        "unmasked": (192, 192, 256, 256, 256, 192),
        "query_head": (32,),
        "value_head": (12,),
        "position_head": (4,),
        "position_width": 48,
        "output_downsampling": 2,
        "warmup": 4000.0,
        "regularized": True,
    },
    HubOptions: {"config": '{"model_type": "whisper"}', "extractor": ""},
    ContrastiveOptions: {"temperature": 0.07, **TEXT, "joint_width": 128, "learned_temperature": False},
    SiglipOptions: {"temperature": 0.1, "bias": -10.0, **TEXT, "joint_width": 128},
    CaptioningOptions: {"label_smoothing": 0.1, "autoregressive": 0.25, **TEXT, "length_leaks": False},
    HybridOptions: {
        "captioning": 0.5,
        "shared": "nothing",
        "temperature": 0.07,
        "learned_temperature": False,
        "label_smoothing": 0.1,
        "autoregressive": 0.25,
        "length_leaks": False,
        **TEXT,
        "decoder_config": "",
        "joint_width": 128,
    },
    TaggingOptions: {"tags": 800, "common": 0.2, "max_tokens": 24},
    SupervisedOptions: {},
    ChanceOptions: {},
    LogMelOptions: {},
}
KNOWN = [known.options for table in (ENCODERS, OBJECTIVES, REFERENCES) for known in table.values()]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_those_of_yesterday(name: str) -> None:
    assert NAMES[name].name == name, f"this {RENAMED}"


@pytest.mark.parametrize("kind", [Data, Initialization, Optimization, *KNOWN], ids=lambda kind: kind.__name__)
def test_birth_values_never_change(kind: type[Any]) -> None:
    births = {each.name: each.metadata.get("birth", each.default) for each in fields(kind)}
    assert MISSING not in births.values(), f"a field of {kind.__name__} without a plain default {RENAMED}"
    assert births == BIRTHS.get(kind), f"this change of {kind.__name__} {RENAMED}"


@dataclass(frozen=True)
class LaterData(Data):
    gain: float = 0.0


@dataclass(frozen=True)
class LaterContrastive(ContrastiveOptions):
    margin: float = 0.0


@dataclass(frozen=True)
class Teacher:
    run: str = ""


@dataclass(frozen=True)
class LaterRun(Run):
    teacher: Teacher = field(default_factory=Teacher)


def test_a_field_that_is_added_renames_no_run_and_tells_new_ones_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    later = replace(RUN, data=LaterData(100, crop_seconds=2.0))
    assert later.name == RUN.name
    assert with_fields(later, {"data.gain": 1.0}).hash != RUN.hash

    assert LaterRun(RUN.objective, RUN.data, RUN.encoder, optimization=STEPS).name == RUN.name
    assert LaterRun(RUN.objective, RUN.data, RUN.encoder, optimization=STEPS, teacher=Teacher("x")).hash != RUN.hash

    monkeypatch.setitem(OBJECTIVES, "contrastive", Known(LaterContrastive, OBJECTIVES["contrastive"].builder))
    assert replace(RUN, objective=LaterContrastive()).name == "contrastive-100-scratch-s0-dcb2d1a5"
    assert replace(RUN, objective=LaterContrastive(margin=0.2)).hash != RUN.hash


def test_a_default_that_is_changed_renames_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {value: replace(RUN, objective=ContrastiveOptions(temperature=value)).name for value in (0.07, 0.05)}

    @dataclass(frozen=True)
    class Colder(ContrastiveOptions):
        temperature: float = born(0.07, now=0.05)

    monkeypatch.setitem(OBJECTIVES, "contrastive", Known(Colder, OBJECTIVES["contrastive"].builder))
    assert Colder().temperature == 0.05
    # Yesterday's run of 0.07, and the one of 0.05, which is the default now.
    assert replace(RUN, objective=Colder(temperature=0.07)).name == before[0.07]
    assert (
        replace(RUN, objective=Colder()).name == replace(RUN, objective=Colder(temperature=0.05)).name == before[0.05]
    )


def test_a_field_of_one_objective_is_in_no_other_ones_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    captioning = replace(RUN, objective=CaptioningOptions())
    name = captioning.name
    assert replace(RUN, objective=ContrastiveOptions(temperature=0.2)).hash != RUN.hash
    assert not [key for key in flat_fields(captioning) if "temperature" in key]
    monkeypatch.setitem(OBJECTIVES, "contrastive", Known(LaterContrastive, OBJECTIVES["contrastive"].builder))
    assert replace(RUN, objective=CaptioningOptions()).name == name


def other(value: Any) -> Any:
    """A value of the same type that is another one."""
    if isinstance(value, tuple):
        return (*value, "x")
    return value + "x" if isinstance(value, str) else 2 * value or 1


def changed_part(part: Any, name: str) -> Any:
    """The part with another value in a field."""
    value = getattr(part, name)
    if isinstance(part, ZipformerOptions) and isinstance(value, tuple):
        # Of its sizes not all go together.
        return replace(part, **{name: tuple(each - 2 if name == "unmasked" else each + 2 for each in value)})
    if name in ("config", "text_config", "extractor"):
        return replace(part, **{name: '{"model_type": "whisper", "d_model": 8}'})
    if (part_name := {"optimizer": "scaled-adam", "schedule": "eden"}.get(name)) is not None:
        return replace(part, **{name: part_name})
    return replace(part, **{name: other(value)})


@pytest.mark.parametrize("run", NAMES.values(), ids=NAMES)
def test_every_field_of_a_run_is_in_its_hash_and_of_a_reference_all_but_how_it_would_be_trained(run: Run) -> None:
    hashes = [run.hash]
    for each in fields(run):
        if each.name == "optimization" and run.objective is None:
            assert replace(run, optimization=Optimization(steps=1)).hash == run.hash
            continue
        part = getattr(run, each.name)
        if hasattr(part, "__dataclass_fields__"):
            changed = [changed_part(part, inner.name) for inner in fields(part)]
            hashes += [replace(run, **{each.name: one}).hash for one in changed]
        elif part is not None:
            hashes.append(replace(run, **{each.name: other(part)}).hash)
    assert len(set(hashes)) == len(hashes)


@pytest.mark.parametrize("run", NAMES.values(), ids=NAMES)
def test_a_run_is_read_as_it_was_written(run: Run) -> None:
    read = run_from_json(json.loads(json.dumps(run_to_json(run))))
    assert read == run
    assert read.name == run.name


@pytest.mark.parametrize(
    "changes",
    [
        {"data": {**asdict(Data(100)), "gain": 1.0}},
        {"encoder": {"name": "unheard"}},
        {"encoder": {"name": "transformer", "depth": 3}},
        {"objective": {"name": "contrastive", "margin": 0.2}},
        {"objective": "contrastive"},
        {"optimization": None},
        {"initialization": {"audio": "scratch", "audio_init": "scratch"}},
    ],
)
def test_a_run_of_another_version_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(StudyError) as refused:
        run_from_json({**run_to_json(RUN), **changes})
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("part", ["objective", "data", "encoder", "protocol", "seed"])
def test_a_run_that_lacks_a_part_is_refused(part: str) -> None:
    described = run_to_json(RUN)
    del described[part]
    with pytest.raises(StudyError, match="another version of this project"):
        run_from_json(described)


def test_what_a_field_that_is_missing_was_before_it_was_there() -> None:
    described = run_to_json(RUN)
    del described["data"]["mel_masks"]
    assert run_from_json(described) == RUN


def test_fields_are_set_by_their_dotted_names() -> None:
    changed = with_fields(RUN, {"data.clips": 7, "encoder": TransformerOptions(96), "encoder.layers": 3, "seed": 2})
    assert (changed.data.clips, changed.encoder, changed.seed) == (7, TransformerOptions(96, 3), 2)
    assert flat_fields(changed)["encoder.width"] == 96
    assert flat_fields(changed)["encoder"] == "transformer"
    assert flat_fields(replace(RUN, objective=None))["objective"] == "none"
    for path in ("data.depth", "model.width", "depth", "seed.first"):
        with pytest.raises(StudyError, match=f"a run has no field {path}"):
            with_fields(RUN, {path: 1})


def test_steps_follow_the_protocol() -> None:
    assert RUN.steps == 20
    passes = with_fields(RUN, {"protocol": "equal-passes", "optimization.passes": 3.0})
    assert passes.steps == round(3 * 100 / 32)
    assert with_fields(passes, {"data.clips": 1}).steps == 1
    assert replace(RUN, objective=None).steps == 0


def test_work_grows_with_clips_seen_and_with_the_encoder() -> None:
    assert with_fields(RUN, {"optimization.steps": 40}).work == 2 * RUN.work
    assert with_fields(RUN, {"optimization.batch_size": 64}).work == 2 * RUN.work
    wider = TransformerOptions(128)
    assert replace(RUN, encoder=wider).work == pytest.approx(RUN.work * wider.parameters / RUN.encoder.parameters)
    assert Run(None, encoder=ChanceOptions()).work == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"optimizer": "sgd"}, "there is no optimizer sgd: known are adamw, scaled-adam"),
        ({"schedule": ""}, "there is no schedule"),
        ({"accumulate": 5}, "a batch of 64 clips does not divide into 5 parts"),
        ({"accumulate": 0}, "accumulate 0: it must be positive"),
        ({"clip": float("nan")}, "clip nan: it must be positive"),
        ({"average_last": 2.0}, "a share from 0 to 1"),
        ({"at_once": -1}, "at_once -1: give a number of clips"),
    ],
)
def test_an_optimization_that_makes_no_sense_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(StudyError, match=said) as refused:
        Optimization(**changes)
    assert "\n" not in str(refused.value)


def test_batches_of_seconds_must_hold_a_clip_and_go_with_steps():
    run = Run(ContrastiveOptions(), optimization=Optimization(steps=10, batch_seconds=640.0))
    run.check()
    for changes, why in (
        ({"optimization.batch_seconds": 1.0}, "batches of 1 s hold no clip of 4 s"),
        ({"protocol": "equal-passes"}, "passes are counted in batches of clips"),
    ):
        with pytest.raises(StudyError, match=why):
            with_fields(run, changes).check()
