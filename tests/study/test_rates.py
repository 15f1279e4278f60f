"""Rates that a search has found: which one a run takes, and what is said of a file that will not do."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from tiny import OBJECTIVES, tiny_run

from scaling.cli import with_rates
from scaling.errors import StudyError
from scaling.study.rates import Found, Rate, rate_for, rate_of, rates_text, read_rates
from scaling.study.run import with_fields
from scaling.study.study import Axis, Factor, Study, clips_axis

RUN = tiny_run()
FOUND = (Found(100, 4e-3, 1.2, 7, 1), Found(10_000, 1e-3, 0.9, 7, 0, "lowest"))
RATE = rate_of(RUN, "contrastive", FOUND)


def study(*axes: Axis, **changes: object) -> Study:
    objectives = {name: {"objective": OBJECTIVES[name]} for name in ("contrastive", "captioning")}
    made = Study("s", "p", "T", "Q?", RUN, axes or (clips_axis((100, 1000)),), (Factor("objective", objectives),))
    return replace(made, **changes)


def captioning() -> Rate:
    return rate_of(tiny_run("captioning"), "captioning", (Found(100, 2e-3, 3.0, 7, 0),))


def test_between_sizes_a_rate_lies_between_and_beyond_them_stays() -> None:
    assert [RATE.at(clips) for clips in (10, 100, 10_000, 20_000, "all")] == [4e-3, 4e-3, 1e-3, 1e-3, 1e-3]
    assert RATE.at(1000) == pytest.approx(2e-3)


def test_a_run_takes_the_rate_of_its_objective_and_start_and_sooner_of_its_options() -> None:
    other = with_fields(RUN, {"objective.temperature": 0.2})
    own = rate_of(other, "contrastive, warm", FOUND[:1])
    assert rate_for(other, (RATE, own), "") == own
    assert rate_for(RUN, (own, RATE), "") == RATE
    assert rate_for(other, (RATE,), "") == RATE
    assert RATE.differs(other) == ("objective",)
    for changed in (
        tiny_run("captioning"),
        tiny_run(audio="supervised"),
        with_fields(RUN, {"optimization.optimizer": "scaled-adam"}),
    ):
        with pytest.raises(StudyError, match="the learning rates lack mine: they are of contrastive"):
            rate_for(changed, (RATE,), "mine")


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "rates.json"
    path.write_text(rates_text([RATE, captioning()]))
    assert read_rates(str(path)) == (RATE, captioning())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot read the learning rates"),
        ("{", "is no file of learning rates"),
        ("[1]", "is no file of learning rates"),
        ('{"format": 1, "rates": []}', "is no file of learning rates of this version"),
        ('{"format": 2, "rates": []}', "is no file of learning rates of this version"),
        ('{"format": 1, "rates": [{"arm": 3}]}', "is no file of learning rates of this version"),
        (rates_text([replace(RATE, found=())]), "no learning rate above 0 at a number of clips for contrastive"),
        (rates_text([replace(RATE, found=(Found(0, 1.0, 1.0, 1, 0),))]), "no learning rate above 0"),
    ],
)
def test_a_file_that_will_not_do_is_told_in_a_line(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "rates.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(StudyError, match=said) as refused:
        read_rates(str(path))
    assert "\n" not in str(refused.value)


def test_runs_of_a_study_take_them_and_its_references_and_parents_do_not(tmp_path: Path) -> None:
    path = tmp_path / "rates.json"
    path.write_text(rates_text([RATE, captioning()]))
    plain, tuned = study(), with_rates(study(), str(path))
    assert with_rates(study(), "") == plain
    rates = {(cell.arm, cell.run.data.clips): cell.run.optimization.learning_rate for cell in tuned.cells}
    assert rates["contrastive", 100] == 4e-3
    assert rates["contrastive", 1000] == pytest.approx(2e-3)
    assert rates["captioning", 100] == rates["captioning", 1000] == 2e-3
    references = {cell.run for cell in plain.cells if cell.reference}
    assert references == {cell.run for cell in tuned.cells if cell.reference}
    assert not {cell.run.name for cell in plain.cells if not cell.reference} & {cell.run.name for cell in tuned.cells}


def test_what_is_said_of_each_arms_rate(tmp_path: Path) -> None:
    assert study().design()["rates"] == [
        {"arm": arm, "tuned": False, "said": "0.001, not searched"} for arm in ("contrastive", "captioning")
    ]
    tuned = study(rates=(RATE, captioning())).design()["rates"]
    assert tuned[0]["said"] == "0.004 at 100 clips, 0.001 at 10,000 clips (the lowest that was tried)"
    assert all(rate["tuned"] for rate in tuned)
    wider = replace(RATE, encoder={"name": "transformer", "width": 999})
    assert study(rates=(wider, captioning())).design()["rates"][0]["said"].endswith("other options of the encoder")
    json.dumps(tuned)
    assert asdict(RATE)["found"][1]["edge"] == "lowest"


def test_rates_that_lack_an_arm_and_studies_that_set_their_own_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rates.json"
    path.write_text(rates_text([RATE]))
    with pytest.raises(StudyError, match="the learning rates lack captioning: they are of contrastive"):
        with_rates(study(), str(path))
    axis = Axis("optimization.learning_rate", (1e-3, 2e-3), "learning_rate", "rate", "")
    with pytest.raises(StudyError, match="is for studies that set no learning rates themselves"):
        with_rates(study(clips_axis((100,)), axis), str(path))
