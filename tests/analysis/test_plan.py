"""Plans: power, cost and the next run, against answers that are known."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from scaling.analysis.curves.forms import OFFSET
from scaling.analysis.curves.simulate import Law
from scaling.analysis.curves.solve import solve
from scaling.analysis.plan.next_run import ArmSoFar, next_runs, so_far
from scaling.analysis.plan.power import Grid, power
from scaling.analysis.scores.own_table import read_table
from scaling.cli import main

CLIPS = (1000, 4000, 16000, 64000)
GRID = Grid((Law("mae", 0.1, 6.0, 0.4), Law("jepa", 0.1, 2.0, 0.25)), CLIPS, 3, 0.02, 64e6, 2.5, 0.5)
ALIKE = replace(GRID, laws=(Law("mae", 0.1, 3.0, 0.3), Law("jepa", 0.1, 2.0, 0.3)))


def test_power_grows_with_seeds_and_falls_with_noise() -> None:
    few, many, loud = (
        power(replace(GRID, seeds=seeds, noise=noise), studies=25)[0]
        for seeds, noise in ((2, 0.02), (6, 0.02), (6, 0.06))
    )
    assert many.crossover_found > few.crossover_found + 0.1
    assert many.crossover_found > loud.crossover_found + 0.1
    assert many.exponents_found >= few.exponents_found
    assert many.exponents_found > loud.exponents_found + 0.1
    assert many.exponents_width < few.exponents_width < loud.exponents_width
    low, high = many.crossover_interval
    assert low < many.crosses < high
    assert many.crosses == pytest.approx(3.0 ** (1 / 0.15), rel=0.01)


def test_equal_exponents_and_curves_that_never_cross_are_rarely_said_to_differ_or_cross() -> None:
    found = power(ALIKE, studies=100)[0]
    assert np.isinf(found.crosses)
    assert found.crossover_found <= 0.05
    assert found.exponents == 0
    # Three binomial standard errors above the 10 % that 90 % intervals allow; `tests/bench/plan.py` has the table.
    assert found.exponents_found <= 0.1 + 3 * np.sqrt(0.09 / 100)


def test_the_cost_is_the_clips_seen_times_the_rate() -> None:
    assert GRID.runs == 2 * 4 * 3
    assert pytest.approx(24 * (64 * 2.5 + 0.5)) == GRID.hours
    assert pytest.approx(2 * GRID.hours) == replace(GRID, seeds=6).hours


def test_one_seed_finds_nothing_and_the_same_seed_the_same() -> None:
    alone = power(replace(GRID, seeds=1))[0]
    assert (alone.crossover_found, alone.exponents_found, alone.largest_found) == (0, 0, 0)
    assert power(GRID, studies=2, seed=3) == power(GRID, studies=2, seed=3)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"laws": GRID.laws[:1]}, "two arms"),
        ({"clips": (1000, 4000)}, "3 different sizes"),
        ({"clips": (4000, 1000, 16000)}, "ascending"),
        ({"noise": 0.0}, "noise above 0"),
        ({"samples_seen": -1.0}, "not be negative"),
    ],
)
def test_grids_that_make_no_sense(change: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        replace(GRID, **change)  # type: ignore[arg-type]


def sampled_width(runs: list[np.ndarray], studies: int = 200) -> float:
    """How much the difference of exponents really spreads over studies with these runs of each arm."""
    rng = np.random.default_rng(11)
    clips = np.array(CLIPS, dtype=np.float64)
    found = []
    for one, count in zip(GRID.laws, runs, strict=True):
        means = one.error(clips) * np.exp(0.01 * rng.standard_normal((studies, 4)) / np.sqrt(count))
        x, y, w = np.broadcast_arrays(np.log(clips) - np.log(clips).mean(), np.log(means), count)
        found.append(np.exp(solve(OFFSET, x, y, w)[0][:, 2]))
    low, high = np.quantile(found[0] - found[1], [0.05, 0.95])
    return float(high - low)


def test_the_next_run_beats_a_random_one() -> None:
    clips = np.array(CLIPS, dtype=np.float64)
    runs = [np.array([3.0, 3.0, 1.0, 1.0]), np.array([3.0, 3.0, 3.0, 1.0])]
    arms = [ArmSoFar(one.name, clips, one.error(clips), k) for one, k in zip(GRID.laws, runs, strict=True)]
    found = next_runs((arms[0], arms[1]), 0.01, "exponents", lambda clips: 1.0)
    assert len(found) == 8
    widths = {}
    for one in found:
        more = [k + (arm.name == one.arm) * (clips == one.clips) for arm, k in zip(arms, runs, strict=True)]
        widths[one.arm, one.clips] = sampled_width(more)
    best = found[0]
    assert widths[best.arm, best.clips] < 0.97 * np.mean(list(widths.values()))
    assert widths[best.arm, best.clips] < sampled_width(runs)
    assert best.seed == runs[[arm.name for arm in arms].index(best.arm)][CLIPS.index(best.clips)]


def test_a_dear_run_is_not_next_and_a_missing_size_is_a_candidate() -> None:
    clips = np.array(CLIPS, dtype=np.float64)
    one, two = (ArmSoFar(law.name, clips, law.error(clips), np.full(4, 2.0)) for law in GRID.laws)
    two = ArmSoFar(two.name, two.clips[:3], two.errors[:3], two.runs[:3])
    cheap = next_runs((one, two), 0.01, "exponents", lambda clips: 1.0 if clips < 5000 else 1e6)
    assert cheap[0].clips < 5000
    even = next_runs((one, two), 0.01, "crossover", lambda clips: 1.0)
    # They cross at 1516 clips: what stands beside it tells most, and no further seed makes it worse.
    assert even[0].clips in CLIPS[:2]
    assert max(one.width for one in even if one.seed) < 1.02
    assert next(c for c in even if (c.arm, c.clips) == ("jepa", 64000)).seed == 0
    with pytest.raises(ValueError, match="noise"):
        next_runs((one, two), 0.0, "crossover", lambda clips: 1.0)


def scaling(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int | str | None, str]:
    """Exit code and output of `scaling plan`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["scaling", "plan", *words])
        with pytest.raises(SystemExit) as left:
            main()
    out = capsys.readouterr()
    return left.value.code, (out.out + out.err).strip()


ARMS = ("--arms", "mae:0.1,6,0.4", "jepa:0.1,2,0.25")


def test_the_command_prices_a_grid(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ("--clips", *(str(size) for size in CLIPS))
    words = (*ARMS, *sizes, "--seeds", "1", "--noise", "0.02", "--samples-seen", "64e6", "--hours-per-million", "2.5")
    code, text = scaling(capsys, *words)
    assert code == 0
    assert "2 arms x 4 sizes x 1 seeds = 8 runs, 512.0 M clips seen, 1,280.0 GPU-hours" in text
    assert "plan two seeds or more" in text
    for wrong, says in (((), "two arms"), (("--arms", "mae"), "no NAME:E,A,a"), ((*ARMS, *sizes), "noise above 0")):
        code, text = scaling(capsys, *wrong)
        assert code == 2
        assert says in text
        assert "\n" not in text


def test_the_command_names_the_next_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for one in GRID.laws:
        for clips in CLIPS:
            for seed in range(3):
                value = 1 - float(one.error(np.array(float(clips)))) * np.exp(0.01 * rng.normal())
                names = {"objective": one.name, "task": "esc50", "metric": "accuracy"}
                rows.append({**names, "clips": clips, "seed": seed, "value": value, "samples_seen": 10 * clips})
    path = tmp_path / "scores.csv"
    pl.DataFrame(rows).write_csv(path)
    known = so_far(read_table(path))
    assert known.noise == pytest.approx(0.01, rel=0.5)
    assert known.samples(4000.0) == pytest.approx(40000)
    code, text = scaling(capsys, "--results", str(path), "--claim", "exponents")
    assert code == 0
    assert "Next: " in text
    code, text = scaling(capsys, "--results", str(path), "--arms", "mae", "nobody")
    assert (code, "--arms must name two of: jepa, from scratch; mae, from scratch" in text) == (2, True)
    pl.DataFrame(rows).filter(pl.col("seed") == 0).write_csv(path)
    code, text = scaling(capsys, "--results", str(path))
    assert (code, "give it with --noise" in text) == (2, True)
