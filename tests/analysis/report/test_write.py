"""The report as a whole: its words, its files, its determinism, its independence."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from fake_study import make_study
from scaling.analysis.scores.scores import KEYS

from scaling.analysis.report.write import write_report
from scaling.errors import StudyError


def contents(folder: Path) -> dict[str, bytes]:
    report = folder / "report"
    return {str(p.relative_to(report)): p.read_bytes() for p in sorted(report.rglob("*")) if p.is_file()}


def test_the_outputs_are_there_and_say_one_seed(written: Path) -> None:
    files = contents(written)
    expected = {"curves.parquet", "curves.csv", "differences.csv", "claims.json", "report.html", "report.md"}
    assert expected <= set(files)
    assert not [name for name in files if "partial" in name]
    page = files["report.html"].decode()
    assert "one seed: seed noise unknown" in page
    assert "4 sizes with one seed cannot establish a difference of exponents" in page
    assert "http" not in page.replace("http-equiv", "")
    assert page.count("data:image/png;base64,") == sum(name.endswith(".png") for name in files) >= 6
    assert "one seed: seed noise unknown" in files["report.md"].decode()
    assert json.loads(files["claims.json"])
    for name in files:
        if name.endswith(".png"):
            assert name.removeprefix("figures/") in files["report.md"].decode()


def test_curves_hold_every_metric_and_the_planted_rise(written: Path) -> None:
    curves = pl.read_parquet(written / "report" / "curves.parquet")
    assert curves.height == 132
    assert not curves.select(pl.struct(KEYS).is_duplicated().any()).item()
    rising = curves.filter(pl.col("task") == "event-order", pl.col("audio_init") == "supervised")
    assert set(rising["status"]) == {"rises with data"}
    fitted = curves.filter(pl.col("form") == "E + A x^-a")
    inside = fitted.filter(
        pl.col("at_largest_low") <= pl.col("at_largest"), pl.col("at_largest") <= pl.col("at_largest_high")
    )
    assert inside.height >= 0.9 * fitted.height


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small study with three seeds and its report."""
    folder = make_study(tmp_path_factory.mktemp("seeds") / "three", seeds=3, tasks=["mode", "retrieve-music"])
    write_report(folder)
    return folder


def test_the_same_input_gives_the_same_bytes_in_another_process(seeds: Path, tmp_path: Path) -> None:
    again = tmp_path / "elsewhere"
    shutil.copytree(seeds, again, ignore=shutil.ignore_patterns("figures", "*.html", "curves.*", "claims.json"))
    code = "import sys, pathlib, scaling.analysis.report.write as r; r.write_report(pathlib.Path(sys.argv[1]))"
    subprocess.run(
        [sys.executable, "-W", "error", "-c", code, again], check=True, env={**os.environ, "PYTHONHASHSEED": "7"}
    )
    first, second = contents(seeds), contents(again)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_left_out_scores_and_zero_errors_are_listed(study: Path, changed: Callable[[pl.DataFrame], Path]) -> None:
    table = pl.read_parquet(study / "report" / "scores.parquet")
    small = table.filter(pl.col("task").is_in(["mode", "pitch"]), pl.col("audio_init") == "scratch")
    odd = (pl.col("run") == "contrastive-scratch-4000-s0") & (pl.col("task") == "mode")
    zero = (pl.col("run") == "captioning-scratch-10000-s0") & (pl.col("task") == "pitch")
    folder = changed(small.with_columns(
        odd.alias("excluded"),
        pl.when(odd).then(pl.lit("loss <diverged>")).otherwise(pl.lit("")).alias("reason"),
        pl.when(odd).then(float("nan")).when(zero).then(1.0).otherwise("value").alias("value"),
    ))  # fmt: skip
    page = write_report(folder).read_text()
    assert f"1 of {small.height} scores were left out" in page
    assert "loss &lt;diverged&gt;" in page
    assert "No error was seen" in page
    assert "no predictions" in page
    curves = pl.read_parquet(folder / "report" / "curves.parquet")
    lacking = curves.filter(pl.col("objective") == "contrastive", pl.col("task") == "mode")
    assert lacking["status"].to_list() == ["too few points"]


@pytest.mark.parametrize("sizes", [[400], [400, 1000]])
def test_a_small_study_of_one_arm_still_has_a_report(
    study: Path, changed: Callable[[pl.DataFrame], Path], sizes: list[int]
) -> None:
    table = pl.read_parquet(study / "report" / "scores.parquet")
    one = pl.col("objective") == "contrastive", pl.col("audio_init") == "scratch", pl.col("clips").is_in(sizes)
    folder = changed(table.filter(*one, pl.col("task").is_in(["mode", "retrieve-music"])))
    assert "too few points" in write_report(folder).read_text()


def test_several_seeds_are_covered(seeds: Path) -> None:
    page = (seeds / "report" / "report.html").read_text()
    assert "test clips and 3 seeds" in page
    assert "seed noise unknown" not in page


def test_a_study_with_references_only_is_refused(study: Path, changed: Callable[[pl.DataFrame], Path]) -> None:
    table = pl.read_parquet(study / "report" / "scores.parquet")
    with pytest.raises(StudyError, match="only references"):
        write_report(changed(table.filter(pl.col("objective") == "none")))


def test_the_analysis_runs_without_torch_ray_and_mlflow(study: Path) -> None:
    code = (
        "import sys\n"
        "for name in ('torch', 'torchaudio', 'ray', 'mlflow', 'transformers', 'sklearn', 'pyarrow', 'pandas'):\n"
        "    sys.modules[name] = None\n"
        "from pathlib import Path\n"
        "from scaling.analysis import next_run, plan_text, report\n"
        "from scaling.analysis.claims import claims\n"
        "from scaling.analysis.scores import read_predictions, read_scores\n"
        f"folder = Path({str(study)!r})\n"
        "scores = read_scores(folder / 'report' / 'scores.parquet')\n"
        "assert claims(scores, read_predictions(folder, scores))\n"
        "assert not [m for m in sys.modules if m.startswith('scaling.')\n"
        "            and not m.startswith(('scaling.analysis', 'scaling.errors'))]\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout + done.stderr == ""
