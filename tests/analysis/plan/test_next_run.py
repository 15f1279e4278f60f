"""The next run: better than a random one, priced, and told along any axis."""

import numpy as np
import pytest
from planted_study import CLIPS as CLIPS_AXIS
from planted_study import PARAMETERS, design, table

from scaling.analysis.curves.forms import OFFSET
from scaling.analysis.curves.simulate import Law
from scaling.analysis.curves.solve import solve
from scaling.analysis.plan.next_run import ArmSoFar, next_runs, so_far
from scaling.analysis.plan.text import next_text
from scaling.analysis.scores.design import Axis
from scaling.errors import StudyError

CLIPS = (1000, 4000, 16000, 64000)
LAWS = (Law("mae", 0.1, 6.0, 0.4), Law("jepa", 0.1, 2.0, 0.25))


def sampled_width(runs: list[np.ndarray], studies: int = 200) -> float:
    """How much the difference of exponents really spreads over studies with these runs of each arm."""
    rng = np.random.default_rng(11)
    clips = np.array(CLIPS, dtype=np.float64)
    found = []
    for one, count in zip(LAWS, runs, strict=True):
        means = one.error(clips) * np.exp(0.01 * rng.standard_normal((studies, 4)) / np.sqrt(count))
        x, y, w = np.broadcast_arrays(np.log(clips) - np.log(clips).mean(), np.log(means), count)
        found.append(np.exp(solve(OFFSET, x, y, w)[0][:, 2]))
    low, high = np.quantile(found[0] - found[1], [0.05, 0.95])
    return float(high - low)


def test_the_next_run_beats_a_random_one() -> None:
    clips = np.array(CLIPS, dtype=np.float64)
    runs = [np.array([3.0, 3.0, 1.0, 1.0]), np.array([3.0, 3.0, 3.0, 1.0])]
    arms = [ArmSoFar(one.name, clips, one.error(clips), k) for one, k in zip(LAWS, runs, strict=True)]
    found = next_runs((arms[0], arms[1]), 0.01, "exponents", lambda arm, size: 1.0)
    assert len(found) == 8
    widths = {}
    for one in found:
        more = [k + (arm.name == one.arm) * (clips == one.size) for arm, k in zip(arms, runs, strict=True)]
        widths[one.arm, one.size] = sampled_width(more)
    best = found[0]
    assert widths[best.arm, best.size] < 0.97 * np.mean(list(widths.values()))
    assert widths[best.arm, best.size] < sampled_width(runs)
    assert best.seed == runs[[arm.name for arm in arms].index(best.arm)][CLIPS.index(int(best.size))]


def test_a_dear_run_is_not_next_and_a_missing_size_is_a_candidate() -> None:
    clips = np.array(CLIPS, dtype=np.float64)
    one, two = (ArmSoFar(law.name, clips, law.error(clips), np.full(4, 2.0)) for law in LAWS)
    two = ArmSoFar(two.name, two.sizes[:3], two.errors[:3], two.runs[:3])
    cheap = next_runs((one, two), 0.01, "exponents", lambda arm, size: 1.0 if size < 5000 else 1e6)
    assert cheap[0].size < 5000
    even = next_runs((one, two), 0.01, "crossover", lambda arm, size: 1.0)
    # They cross at 1516 clips: what stands beside it tells most, and no further seed makes it worse.
    assert even[0].size in CLIPS[:2]
    assert max(one.width for one in even if one.seed) < 1.02
    assert next(c for c in even if (c.arm, c.size) == ("jepa", 64000)).seed == 0
    with pytest.raises(ValueError, match="noise"):
        next_runs((one, two), 0.0, "crossover", lambda arm, size: 1.0)


def test_results_along_any_axis_are_read_and_their_cost_is_theirs() -> None:
    asked = design(PARAMETERS, levels=("contrastive", "captioning"))
    places = {"parameters": (20_000, 100_000, 500_000)}
    scores = table(
        asked, places, lambda run: float(0.1 + 10 * run["parameters"] ** -0.35),
        lambda run: 6e3 * run["parameters"] * (2 if run["objective"] == "captioning" else 1), noise=0.02,
    )  # fmt: skip
    known = so_far(scores, asked)
    assert [arm.name for arm in known.arms] == ["contrastive", "captioning"]
    assert known.noise == pytest.approx(0.02, rel=0.4)
    hours = known.cost.hours("contrastive", 500_000.0, 2.0, 0.5)
    # A thousand clips seen by every run; a large encoder's are dear, and captioning's twice as dear.
    assert known.cost.samples("contrastive", 500_000.0) == 1000
    assert hours - 0.5 == pytest.approx(5 * (known.cost.hours("contrastive", 100_000.0, 2.0, 0.5) - 0.5))
    assert known.cost.hours("captioning", 500_000.0, 2.0, 0.0) == pytest.approx(2 * (hours - 0.5))
    mean = np.mean([known.cost.weight(arm.name, size) for arm in known.arms for size in arm.sizes])
    assert mean == pytest.approx(1)
    arms = known.arms[0], known.arms[1]
    found = next_runs(arms, known.noise, "exponents", lambda arm, size: known.cost.hours(arm, size, 2e3, 0.0))
    text = next_text(found, "exponents", known, ("contrastive", "captioning"), known.noise)
    assert "parameters" in text.splitlines()[2]
    assert "clips" not in text


def test_two_axes_are_arms_and_names_have_no_next_run() -> None:
    asked = design(CLIPS_AXIS, PARAMETERS)
    places = {"clips": (500, 2000, 8000), "parameters": (20_000, 100_000)}
    known = so_far(table(asked, places, lambda run: 0.1 + run["clips"] ** -0.3), asked)
    assert [arm.name for arm in known.arms] == ["20,000 parameters", "100,000 parameters"]
    # Without flops a clip seen costs the same everywhere.
    assert known.cost.weight(known.arms[0].name, 500.0) == 1
    names = design(Axis("sampler", "sampler", "", "nominal"))
    with pytest.raises(StudyError, match="no law holds along sampler"):
        so_far(table(names, {"sampler": ("random", "hard")}, lambda run: 0.5), names)


def test_a_claim_that_noise_does_not_move_is_refused() -> None:
    sizes = np.array([1.0, 2.0, 4.0])
    one, two = (ArmSoFar(name, sizes, np.ones(3), np.ones(3)) for name in ("mae", "jepa"))
    with pytest.raises(ValueError, match="no run narrows it"):
        next_runs((one, two), 1e-50, "crossover", lambda arm, size: 1.0)
