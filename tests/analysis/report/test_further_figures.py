"""The figures of further questions show the numbers that their claims say."""

import numpy as np
import pytest
from made_study import Many

from scaling.analysis.claims.decisions import decided
from scaling.analysis.claims.evidence import Evidence, gather
from scaling.analysis.claims.stages import staged_claims
from scaling.analysis.report.further_figures import MOST_TASKS, decisions_and_tasks, two_stages
from scaling.analysis.report.look import Looks


@pytest.fixture(scope="module")
def known() -> Evidence:
    case = Many(3, MOST_TASKS + 2, loss=0.01)
    return gather(case.scores(np.random.default_rng(0))[0], None, case.design)


def test_shares_by_size_and_the_clearest_tasks(known: Evidence) -> None:
    left, right = decisions_and_tasks(known.decisions, known.signals, known.design.x).axes
    said = decided(known.decisions, known.design)
    bars = [line for line in left.lines if len(set(line.get_xdata())) == 1 and len(line.get_xdata()) == 2]
    for bar, claim in zip(bars, said, strict=True):
        assert bar.get_xdata()[0] == claim.at
        assert claim.interval is not None
        np.testing.assert_allclose(bar.get_ydata(), np.array(claim.interval, dtype=float))
    dots = next(line for line in left.lines if line.get_label() == "pairs on a task")
    np.testing.assert_allclose(dots.get_ydata(), [claim.number for claim in said])
    names = [label.get_text() for label in right.get_yticklabels()]
    clearest = sorted(known.signals, key=lambda one: -one.ratio)
    assert names == [one.task for one in clearest[:MOST_TASKS]]


def test_both_ways_to_the_larger_size_and_the_link(known: Evidence) -> None:
    looks = Looks(known.draws.cells, known.design)
    left, right = two_stages(known.stages, looks, known.design.x).axes
    # The crosses of the legend are no forecasts.
    marks = {name: [line for line in left.lines if line.get_marker() == name] for name in "x+"}
    for one in known.stages.arms:
        for name, at_largest, (value, _) in zip("x+", one.held_out[:2], (one.direct, one.staged), strict=True):
            seen = [float(line.get_ydata()[0]) for line in marks[name]]
            assert np.isclose(seen, at_largest).any()
            assert np.isclose(seen, value).any()
    forecasts = {
        float(line.get_xdata()[0]): float(line.get_ydata()[0]) for line in right.lines if line.get_marker() == "+"
    }
    claims = [claim for claim in staged_claims(known.stages, known.design) if claim.kind == "forecast"]
    assert len(forecasts) == len(claims) == len(known.stages.arms)
    for one in known.stages.arms:
        assert forecasts[one.ahead] == pytest.approx(float(one.link.error(one.ahead)))
    assert right.xaxis_inverted()
