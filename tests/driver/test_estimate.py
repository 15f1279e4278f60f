"""What runs cost where the corpus is not at hand: counted on the networks themselves."""

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from tiny import BERT, ENCODER, ZIPFORMER, tiny_run
from tiny_study import finish, tiny_result

from scaling.driver.estimate import Given, estimates, measured_rates, network_cost
from scaling.errors import StudyError
from scaling.objectives.options import CaptioningOptions, ContrastiveOptions
from scaling.runs.folder import StudyFolder
from scaling.study.run import Run
from scaling.study.study import Assumed, Cell, Study, clips_axis, objective_factor
from scaling.training.attempt import Attempt

RUN = replace(tiny_run(steps=1000, encoder=ENCODER, batch_size=10), objective=CaptioningOptions())
ARMS = (objective_factor(("captioning",)),)
STUDY = Study("toy", "paper", "", "", RUN, (clips_axis((100, "all")),), ARMS, assumed=Assumed(1000, 10.0))


def test_a_line_a_run_of_the_grid() -> None:
    lines = list(estimates(STUDY, 1, Given(1e-3), 80.0))
    assert [line.partition("-scratch")[0] for line in lines] == ["captioning-100", "captioning-1000"]
    # Crops of half a second, of clips of 36 s.
    assert all(f", {1000 * 10 * 0.5 / 3600:,.0f} audio-hours, " in line for line in lines)
    cost = network_cost(RUN, 36.0)
    assert f": {cost.parameters / 1e6:,.1f} M parameters, {cost.flops * 5 * 1000:.2e} FLOPs, " in lines[0]
    assert f" {cost.flops * 5 * 1000 / 1e9 / 3600:,.0f} GPU-hours at 0.001 TFLOP/s" in lines[0]


@pytest.mark.parametrize("encoder", [ENCODER, ZIPFORMER], ids=["transformer", "zipformer"])
def test_costs_are_those_of_a_second(encoder: object) -> None:
    run: Run = replace(RUN, encoder=encoder, data=replace(RUN.data, crop_seconds=4.0))
    short, long = network_cost(run, 1.0), network_cost(run, 2.0)
    assert short.parameters == long.parameters
    # Captions cost the same, and the ends of a clip.
    assert long.flops / 1.1 < short.flops < 2 * long.flops
    assert long.bytes / 1.1 < short.bytes < 2 * long.bytes


def test_what_does_not_fit_is_one_line() -> None:
    with pytest.raises(StudyError, match=r"^captioning-100-.* and a GPU has 1e-05: give more --group-workers"):
        list(estimates(STUDY, 1, Given(100.0), 1e-5))


def test_rates_are_those_of_runs_that_were_done(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path)
    with pytest.raises(StudyError, match="of its finished runs none was trained: give a study done on GPUs"):
        measured_rates(tmp_path)
    for objective, seconds in (("contrastive", 10.0), ("captioning", 40.0)):
        run = tiny_run(objective)
        finish(folder.run(run.name), Cell(run, {}))
        result = tiny_result(run)
        cost, machine = replace(result.cost, flops=8e14, wall_seconds=seconds), replace(result.machine, workers=2)
        attempt = Attempt(folder.run(run.name).path)
        attempt.claim()
        folder.run(run.name).finish(attempt, replace(result, cost=cost, machine=machine), pl.DataFrame())
        if objective == "contrastive":
            with pytest.raises(StudyError, match="all were trained on CPUs"):
                measured_rates(tmp_path)
        on_gpu = replace(result, cost=cost, machine=replace(machine, device="H100"))
        folder.run(run.name).finish(attempt, on_gpu, pl.DataFrame())
    rates = measured_rates(tmp_path)
    assert rates.of("contrastive") == (40.0, ", as measured on H100")
    assert rates.of("captioning")[0] == 10.0
    assert rates.of("siglip")[0] == 16.0
    assert next(estimates(STUDY, 1, rates, 80.0)).endswith(" GPU-hours at 10 TFLOP/s, as measured on H100")


def test_what_is_computed_again_is_not_kept() -> None:
    run = replace(RUN, encoder=ZIPFORMER, data=replace(RUN.data, crop_seconds=8.0))
    again = replace(run, optimization=replace(run.optimization, recompute=True))
    assert network_cost(again, 8.0).bytes < 0.85 * network_cost(run, 8.0).bytes


def test_a_text_model_of_few_words_has_a_cost() -> None:
    run = replace(RUN, objective=ContrastiveOptions(text_config=json.dumps(BERT)))
    assert network_cost(run, 1.0).parameters > 0
