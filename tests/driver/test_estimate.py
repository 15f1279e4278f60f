"""What runs cost where the corpus is not at hand: counted on the networks themselves."""

from dataclasses import replace

import pytest
from tiny import ENCODER, ZIPFORMER, tiny_run

from scaling.driver.estimate import estimates, network_cost
from scaling.errors import StudyError
from scaling.objectives.options import CaptioningOptions
from scaling.study.run import Run
from scaling.study.study import Assumed, Study, clips_axis, objective_factor

RUN = replace(tiny_run(steps=1000, encoder=ENCODER, batch_size=10), objective=CaptioningOptions())
ARMS = (objective_factor(("captioning",)),)
STUDY = Study("toy", "paper", "", "", RUN, (clips_axis((100, "all")),), ARMS, assumed=Assumed(1000, 10.0))


def test_a_line_a_run_of_the_grid() -> None:
    lines = list(estimates(STUDY, 1, 1e-3, 80.0))
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
        list(estimates(STUDY, 1, 100.0, 1e-5))
