"""`scaling plan`: a grid's price, and the next run of results so far."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from planted_study import PARAMETERS, design, table

from scaling.analysis.curves.simulate import Law
from scaling.analysis.plan.next_run import so_far
from scaling.analysis.scores.own_table import read_table
from scaling.cli import main

CLIPS = (1000, 4000, 16000, 64000)
LAWS = (Law("mae", 0.1, 6.0, 0.4), Law("jepa", 0.1, 2.0, 0.25))


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
    for wrong, says in (
        ((), "two arms"),
        (("--arms", "mae", "jepa:0.1,2,0.25"), "no NAME:E,A,a"),
        (("--arms", "mae", *sizes), "two arms"),
        ((*ARMS, *sizes, "--noise", "-1"), "noise must be above 0"),
    ):
        code, text = scaling(capsys, *wrong)
        assert code == 2
        assert says in text
        assert "\n" not in text


def test_what_nobody_guesses_is_as_on_public_curves(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ("--clips", *(str(size) for size in CLIPS), "--seeds", "1", "--samples-seen", "64e6")
    code, text = scaling(capsys, "--arms", "mae", "jepa", "data2vec", *sizes)
    assert code == 0
    assert "3 arms x 4 sizes x 1 seeds = 12 runs" in text
    assert "two arms, as on public curves" in text
    assert "plan two seeds or more" in text


def test_the_command_names_the_next_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for one in LAWS:
        for clips in CLIPS:
            for seed in range(3):
                value = 1 - float(one.error(np.array(float(clips)))) * np.exp(0.01 * rng.normal())
                names = {"objective": one.name, "task": "esc50", "metric": "accuracy"}
                rows.append({**names, "clips": clips, "seed": seed, "value": value, "samples_seen": 10 * clips})
    path = tmp_path / "scores.csv"
    pl.DataFrame(rows).write_csv(path)
    sized = pl.DataFrame(rows).rename({"clips": "parameters", "objective": "recipe"}).with_columns(clips=pl.lit(5))
    sized.write_csv(tmp_path / "sized.csv")
    words = ("--results", str(tmp_path / "sized.csv"), "--axis", "parameters", "--factors", "recipe")
    code, text = scaling(capsys, *words)
    assert code == 0, text
    assert text.splitlines()[-1].endswith(" parameters.")
    code, text = scaling(capsys, *ARMS, *words[2:])
    assert (code, "--axis is for --results with a table" in text) == (2, True)
    known = so_far(*read_table(path))
    assert known.noise == pytest.approx(0.01, rel=0.5)
    assert known.cost.samples("mae", 4000.0) == pytest.approx(40000)
    code, text = scaling(capsys, "--results", str(path), "--claim", "exponents")
    assert code == 0
    assert "Next: " in text
    code, text = scaling(capsys, "--results", str(path), "--arms", "mae", "nobody")
    assert (code, "--arms must name two of: jepa; mae" in text) == (2, True)
    pl.DataFrame(rows).filter(pl.col("seed") == 0).write_csv(path)
    code, text = scaling(capsys, "--results", str(path))
    assert (code, "give it with --noise" in text) == (2, True)


def test_the_command_reads_a_study_of_another_axis(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    asked = design(PARAMETERS, levels=("contrastive", "captioning"))
    scores = table(asked, {"parameters": (20_000, 100_000, 500_000)}, lambda run: 0.1 + 10 * run["parameters"] ** -0.35)
    (tmp_path / "report").mkdir()
    scores.write_parquet(tmp_path / "report" / "scores.parquet")
    (tmp_path / "study.json").write_text(json.dumps({"version": 2, "design": asdict(asked)}))
    code, text = scaling(capsys, "--results", str(tmp_path))
    assert code == 0, text
    assert "parameters  its seed" in text
    code, text = scaling(capsys, *ARMS, "--sizes", "1e4", "1e5", "1e6", "--unit", "parameters", "--noise", "0.02")
    assert (code, "which is better at 1 M parameters?" in text) == (0, True)
