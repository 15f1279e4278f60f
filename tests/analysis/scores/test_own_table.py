"""A table of scores from elsewhere: what is needed, what is made of it, what is refused with one line."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from scaling.analysis.scores.own_table import NEEDED, read_table
from scaling.cli import main

SIZES = (1000, 4000, 16000, 64000)
LAWS = {"mae": (0.1, 6.0, 0.4), "jepa": (0.1, 2.0, 0.25)}  # they cross at 1516 clips


def own(seeds: int = 2) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for arm, (E, A, a) in LAWS.items():
        for clips in SIZES:
            for seed in range(seeds):
                error = (E + A * clips**-a) * np.exp(0.005 * rng.normal())
                rows.append({"objective": arm, "clips": clips, "task": "esc50", "metric": "accuracy",
                             "value": 1 - error, "seed": seed, "stderr": 0.002})  # fmt: skip
    return pl.DataFrame(rows)


def scaling(*words: str) -> int | str | None:
    """Exit code of the command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["scaling", *words])
        with pytest.raises(SystemExit) as left:
            main()
    return left.value.code


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the report of a table in which one score is excluded and one arm lacks a size."""
    folder = tmp_path_factory.mktemp("own")
    table = own()
    odd = (pl.col("objective") == "mae") & (pl.col("clips") == 4000)
    left_out = pl.when(odd & (pl.col("seed") == 0)).then(pl.lit("True")).otherwise(pl.lit("False")).alias("excluded")
    extra = table.filter(pl.col("clips") > 1000).with_columns(pl.lit("gtzan").alias("task"))
    extra = extra.filter(~odd)
    table = pl.concat([table, extra]).with_columns(left_out, pl.lit("diverged").alias("reason"))
    table.write_csv(folder / "scores.csv")
    assert scaling("report", str(folder / "scores.csv")) == 0
    return folder / "report"


def test_the_report_lies_beside_the_table(reported: Path) -> None:
    names = {path.name for path in reported.iterdir()}
    assert names >= {"report.html", "report.md", "summary.csv", "curves.tex", "scores.csv", "claims.json", "figures"}
    page = (reported / "report.md").read_text()
    assert "1 of 26 scores were left out" in page
    assert "diverged" in page
    assert "no score: mae at 1,000, 4,000 clips (gtzan)" in page
    assert "protocol not given" in page
    scores = pl.read_csv(reported / "scores.csv")
    assert scores.filter("excluded")["reason"].to_list() == ["diverged"]


def test_the_summary_names_status_protocol_and_passes(reported: Path) -> None:
    table = pl.read_csv(reported / "summary.csv")
    assert table.height == 4
    lacking = table.filter(pl.col("arm").str.starts_with("mae"), pl.col("task") == "gtzan").row(0, named=True)
    assert (lacking["status"], lacking["missing"]) == ("too few points", "1000 4000")
    assert set(table["protocol"]) == {"not given"}
    assert table["passes_largest"].null_count() == table.height
    tex = (reported / "curves.tex").read_text()
    assert tex.count(r"\toprule") == tex.count(r"\end{table}") == 1
    rows = [line for line in tex.splitlines() if line.startswith(r"\quad")]
    assert len(rows) == 4
    assert {line.count("&") for line in rows} == {5}


def test_out_and_parquet_and_passes(tmp_path: Path) -> None:
    table = own(1).with_columns(pl.lit(64000 * 3).alias("samples_seen"), pl.lit("equal-steps").alias("protocol"))
    table.write_parquet(tmp_path / "mine.parquet")
    assert scaling("report", str(tmp_path / "mine.parquet"), "--out", str(tmp_path / "there")) == 0
    page = (tmp_path / "there" / "report" / "report.md").read_text()
    assert "| equal-steps | 192 to 3 |" in page
    assert "as if every score had test clips of its own" in page


def test_the_fewest_columns_are_enough(tmp_path: Path) -> None:
    own(1).select(NEEDED).write_csv(tmp_path / "few.csv")
    scores, design = read_table(tmp_path / "few.csv")
    assert [(f.name, f.levels, f.baseline) for f in design.factors] == [("objective", ("jepa", "mae"), None)]
    assert scores.height == 8
    assert scores["seed"].to_list() == [0] * 8


def one(column: str, value: object) -> Callable[[pl.DataFrame], pl.DataFrame]:
    first = pl.int_range(pl.len()) == 0
    return lambda t: t.with_columns(pl.when(first).then(pl.lit(value)).otherwise(column).alias(column))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.drop("task", "clips").rename({"value": "score"}), "missing column clips, task, value"),
        (one("value", float("nan")), "value outside 0 to 1"),
        (one("value", None), "value outside 0 to 1"),
        (one("value", -0.2), "value outside 0 to 1"),
        (one("value", 71.5), "percentages: divide by 100"),
        (one("value", 1.0), "no error seen, and no n_test"),
        (one("metric", "wer"), "less is better"),
        (one("clips", None), "an empty cell in column clips, row 1"),
        (one("clips", 0), "clips below 1"),
        (lambda t: pl.concat([t, t.head(1)]), "the same score twice"),
        (lambda t: t.drop("seed"), "the same score twice"),
        (lambda t: t.filter(pl.col("clips") == 1000), "all runs have 1000 clips"),
        (lambda t: t.head(1).with_columns(pl.lit("none").alias("objective")), "every score is a reference's"),
        (lambda t: t.with_columns(pl.lit("cls").alias("pooling")), "task esc50 has only pooling cls"),
        (
            lambda t: t.with_columns(pl.col("clips").cast(pl.String).replace("1000", "1k")),
            "row 1: column clips holds 1k: a whole number",
        ),
        (
            lambda t: t.with_columns(
                pl.when(pl.col("clips") < 5000)
                .then(pl.lit("equal-steps"))
                .otherwise(pl.lit("equal-passes"))
                .alias("protocol")
            ),
            "protocols equal-passes and equal-steps may not share a curve",
        ),
    ],
)
def test_bad_tables_get_one_line_and_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Callable[[pl.DataFrame], pl.DataFrame], says: str
) -> None:
    change(own()).write_csv(tmp_path / "bad.csv")
    assert scaling("report", str(tmp_path / "bad.csv")) == 2
    line = capsys.readouterr().err.strip()
    assert line.startswith("error: ")
    assert says in line
    assert "\n" not in line
    assert not (tmp_path / "report").exists()


def test_files_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "words.parquet").write_text("no table")
    (tmp_path / "empty.csv").write_text("")
    for name, says in (
        ("words.parquet", "not a readable Parquet"),
        ("empty.csv", "empty.csv: empty"),
        ("no.csv", "not there"),
    ):
        assert scaling("report", str(tmp_path / name)) == 2
        assert says in capsys.readouterr().err
    assert scaling("report", str(tmp_path), "--out", "x") == 2
    assert "--out is for a table" in capsys.readouterr().err


def test_a_task_with_two_metrics_becomes_two_tasks(tmp_path: Path) -> None:
    both = pl.concat([own(1), own(1).with_columns(pl.lit("mAP").alias("metric"))])
    both.write_csv(tmp_path / "two.csv")
    assert set(read_table(tmp_path / "two.csv")[0]["task"]) == {"esc50 (accuracy)", "esc50 (mAP)"}


def test_words_name_the_better_arm_first(reported: Path) -> None:
    """At 64,000 clips jepa errs in 22.6 %, mae in 17.2 %; claims.json keeps the pair's order, jepa before mae."""
    found = json.loads((reported / "claims.json").read_text())
    claim = next(c for c in found if c["kind"] == "better" and c["at"] == 64000)
    assert (claim["arm"], claim["other"]) == ("jepa", "mae")
    assert claim["number"] == pytest.approx(-5.4, abs=0.3)
    assert claim["probability"] < 0.01
    gain, low, high = (f"+{-number:.1f}" for number in (claim["number"], *claim["interval"][::-1]))
    page = (reported / "report.md").read_text()
    assert f"mae over jepa {gain} ({low} to {high}, probability over 99 %)" in page
    assert "under 1 %" not in page
    words = r"mae erred in 17\.\d %, jepa in 22\.\d %: a difference of (\S+) points .* (\S+) to (\S+); "
    told = re.search(words + "mae better with probability over 99 %", claim["sentence"])
    assert told
    assert told.groups() == (gain, low, high)


def test_another_axis_and_other_factors(tmp_path: Path) -> None:
    table = own().with_columns(
        (pl.col("clips") * 100).alias("parameters"), pl.lit(5000).alias("clips"), pl.col("objective").alias("recipe")
    ).drop("objective")  # fmt: skip
    table.write_csv(tmp_path / "sized.csv")
    words = ("report", str(tmp_path / "sized.csv"), "--axis", "parameters", "--factors", "recipe")
    assert scaling(*words) == 0
    found = json.loads((tmp_path / "report" / "claims.json").read_text())
    claim = next(c for c in found if c["kind"] == "crossover")
    assert (claim["factor"], claim["unit"], claim["arm"]) == ("recipe", "parameters", "jepa")
    page = (tmp_path / "report" / "report.md").read_text()
    assert "scaling report sized.csv --axis parameters --factors recipe" in page
    assert "Which recipe?" in page
    assert "error = E + A·parameters^(−a)" in page


def test_columns_that_vary_are_compared(tmp_path: Path) -> None:
    both = [own().with_columns(pl.lit(name).alias("audio_init")) for name in ("scratch", "supervised")]
    table = pl.concat(both).with_columns(
        pl.lit("all").alias("sources"), ("text-" + pl.col("audio_init")).alias("text_init")
    )
    table.write_csv(tmp_path / "inits.csv")
    design = read_table(tmp_path / "inits.csv")[1]
    # The text side follows the audio side's start, and is no factor of its own.
    assert [(factor.name, factor.baseline) for factor in design.factors] == [
        ("objective", None), ("audio_init", "scratch")
    ]  # fmt: skip


def test_names_along_the_axis_are_nominal(tmp_path: Path) -> None:
    table = own().with_columns(pl.col("clips").replace_strict(dict(zip(SIZES, "wxyz", strict=True))).alias("optimizer"))
    table.write_csv(tmp_path / "names.csv")
    scores, design = read_table(tmp_path / "names.csv", "optimizer")
    assert design.x.scale == "nominal"
    assert set(scores["optimizer"]) == set("wxyz")


def test_references_are_told_by_their_column_or_by_no_objective(tmp_path: Path) -> None:
    floor = own(1).head(2).with_columns(pl.lit("none").alias("objective"), pl.lit(0.1).alias("value"))
    floor = floor.with_columns(pl.Series("clips", [0, 1]), pl.Series("encoder", ["chance", "mine"]))
    table = pl.concat([own(1).with_columns(pl.lit("mine").alias("encoder")), floor.select(*own(1).columns, "encoder")])
    table.write_csv(tmp_path / "floor.csv")
    scores, design = read_table(tmp_path / "floor.csv")
    assert set(scores["reference"]) == {"", "chance", "untrained"}
    assert design.factors[0].levels == ("jepa", "mae")
    assert [factor.name for factor in design.factors] == ["objective"]


def test_what_makes_no_factor_or_axis(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "own.csv")
    own().with_columns((pl.col("clips") - 1000.0).alias("rate")).write_csv(path)
    for words, says in (
        (("--factors", "clips"), "column clips is no factor"),
        (("--factors", "seed"), "column seed is no factor"),
        (("--axis", "width"), "missing column width"),
        (("--axis", "rate"), "rate not above 0 for a trained run"),
    ):
        assert scaling("report", path, *words) == 2
        assert says in capsys.readouterr().err
    assert scaling("report", str(tmp_path), "--factors", "objective") == 2
    assert "--factors is for a table" in capsys.readouterr().err


def test_the_command_loads_nothing_of_a_studys_parts(tmp_path: Path) -> None:
    """`scaling report` on a table answers at once, where neither torch nor Ray nor MLflow need be installed."""
    own(1).write_csv(tmp_path / "scores.csv")
    code = (
        "import sys\n"
        "from scaling.cli import main\n"
        f"sys.argv = ['scaling', 'report', {str(tmp_path / 'scores.csv')!r}]\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as left:\n"
        "    assert left.code == 0, left.code\n"
        "heavy = {'torch', 'torchaudio', 'ray', 'mlflow', 'sklearn', 'lhotse', 'transformers', 'pyarrow', 'pandas'}\n"
        "loaded = sorted(heavy & set(sys.modules))\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report" / "report.html").exists()
