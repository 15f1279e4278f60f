"""The report as a whole: its words, its files, its determinism, its independence.

Covers what a report is put together from: `page`, `left_out`, `method`, `curve_table`, `tables`, `figures`, `drawings`
and `panels`.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from fake_study import DATA_SCALE, OBJECTIVE, PARAMETERS, RATE, SIZES, SOURCES, Run, make, make_study

from scaling.analysis.report.write import write_report
from scaling.analysis.scores import Axis, Design
from scaling.analysis.scores.rows import keys
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
    assert "://" not in page  # which no picture's base64 can hold
    assert page.count("data:image/png;base64,") == sum(name.endswith(".png") for name in files) >= 6
    assert "one seed: seed noise unknown" in files["report.md"].decode()
    assert json.loads(files["claims.json"])
    for name in files:
        if name.endswith(".png"):
            assert name.removeprefix("figures/") in files["report.md"].decode()


def test_curves_hold_every_metric_and_the_planted_rise(written: Path) -> None:
    curves = pl.read_parquet(written / "report" / "curves.parquet")
    assert curves.height == 132
    assert not curves.select(pl.struct(keys(DATA_SCALE)).is_duplicated().any()).item()
    rising = curves.filter(pl.col("task") == "event-order", pl.col("initialization") == "initialized")
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
    small = table.filter(pl.col("task").is_in(["mode", "pitch"]), pl.col("initialization") != "initialized")
    odd = (pl.col("run") == "contrastive-from scratch-4000-s0") & (pl.col("task") == "mode")
    zero = (pl.col("run") == "captioning-from scratch-10000-s0") & (pl.col("task") == "pitch")
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
    one = pl.col("objective") == "contrastive", pl.col("initialization") == "from scratch", pl.col("clips").is_in(sizes)
    folder = changed(table.filter(*one, pl.col("task").is_in(["mode", "retrieve-music"])))
    assert "too few points" in write_report(folder).read_text()


def test_several_seeds_are_covered(seeds: Path) -> None:
    page = (seeds / "report" / "report.html").read_text()
    assert "test clips and 3 seeds" in page
    assert "seed noise unknown" not in page


def test_a_study_with_references_only_is_refused(study: Path, changed: Callable[[pl.DataFrame], Path]) -> None:
    table = pl.read_parquet(study / "report" / "scores.parquet")
    with pytest.raises(StudyError, match="only references"):
        write_report(changed(table.filter(pl.col("reference") != "")))


def test_the_analysis_runs_without_torch_ray_and_mlflow(study: Path) -> None:
    code = (
        "import sys\n"
        "for name in 'torch torchaudio ray mlflow transformers sklearn lhotse pyarrow pandas'.split():\n"
        "    sys.modules[name] = None\n"
        "from pathlib import Path\n"
        "from scaling.analysis import Curve, fit_curve, fit_curves, fit_repetition, fit_shared, fit_surface\n"
        "from scaling.analysis.claims.collection import claims\n"
        "from scaling.analysis.claims.evidence import gather\n"
        "from scaling.analysis.plan import next_run, power, text\n"
        "from scaling.analysis.report import write\n"
        "from scaling.analysis.scores import read_predictions, read_study\n"
        f"folder = Path({str(study)!r})\n"
        "scores, design = read_study(folder)\n"
        "assert claims(gather(scores, read_predictions(folder, scores), design))\n"
        "assert not [m for m in sys.modules if m.startswith('scaling.')\n"
        "            and not m.startswith(('scaling.analysis', 'scaling.storage', 'scaling.errors'))]\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout + done.stderr == ""


def sources_law(run: Run, task: str, metric: str, pooling: str) -> float:
    return float(0.1 + (0.1 if run["sources"] == "without speech" else 0) + 2 * run["clips"] ** -0.3)


def test_the_page_of_a_factor_with_three_levels(tmp_path: Path) -> None:
    design = Design("Which source?", "What is lost without a source?", (Axis(),), (SOURCES,))
    folder = make(tmp_path / "s", design, sources_law, {"clips": SIZES[:3]}, ["event", "mode"])
    page = write_report(folder).read_text()
    assert "<h1>Which source?</h1>" in page
    assert "What is lost without a source?" in page
    names = {path.stem for path in (folder / "report" / "figures").iterdir()}
    assert {"difference-sources-over-all-sources", "crossover-sources-over-all-sources"} <= names
    assert "<th>without web over all sources<small>4,000 clips</small></th>" in page
    curves = pl.read_parquet(folder / "report" / "curves.parquet")
    assert curves.columns[:7] == ["sources", "protocol", "task", "domain", "pooling", "metric", "axis"]
    assert set(curves["sources"]) == set(SOURCES.levels)
    assert set(curves["axis"]) == {"clips"}
    assert {"line_x", "line", "windows"} <= set(curves.columns)


def test_the_page_of_two_axes_neither_of_which_is_clips(tmp_path: Path) -> None:
    """Curves run along the first, one for each value of the second; every word is of these axes."""

    def law(run: Run, task: str, metric: str, pooling: str) -> float:
        return float(0.05 + 20 * run["parameters"] ** -0.4 + 5 * run["samples_seen"] ** -0.4)

    seen = Axis("samples_seen", "clips seen", "clips seen")
    design = Design("Size", "How large?", (PARAMETERS, seen), (OBJECTIVE,))
    places = {"parameters": (10_000, 50_000, 250_000), "samples_seen": (2000, 8000, 32_000)}
    folder = make(tmp_path / "t", design, law, places, ["event"])
    page = write_report(folder).read_text()
    assert "parameters of the encoder: 10,000, 50,000, 250,000" in page
    assert "contrastive, 8,000 clips seen" in page
    assert "error = E + A·parameters^(−a)" in page
    curves = pl.read_parquet(folder / "report" / "curves.parquet")
    assert set(curves["samples_seen"]) == {2000, 8000, 32_000}
    assert curves.height == 6
    assert curves["largest"].to_list() == [250_000] * 6


def test_the_page_of_a_nominal_axis_has_no_curves(tmp_path: Path) -> None:
    def law(run: Run, task: str, metric: str, pooling: str) -> float:
        return 0.2 + abs(float(run["rate"]) - 0.003) * 20

    design = Design("Rates", "Which rate?", (RATE,), (OBJECTIVE,))
    folder = make(tmp_path / "n", design, law, {"rate": ("0.01", "0.001", "0.003")}, ["event", "mode"], seeds=2)
    page = write_report(folder).read_text()
    assert "3 values (learning rate: 0.001, 0.003, 0.01)" in page
    assert "Which learning rate is best?" in page
    assert "exponent" not in page
    assert pl.read_parquet(folder / "report" / "curves.parquet").is_empty()
    names = {path.stem for path in (folder / "report" / "figures").iterdir()}
    assert {"summary", "curves-music", "curves-environment", "difference-contrastive-over-captioning"} <= names
    assert not [name for name in names if name.startswith("crossover") or name.endswith("linear")]


def test_what_probes_remarked_is_told(study: Path, changed: Callable[[pl.DataFrame], Path]) -> None:
    table = pl.read_parquet(study / "report" / "scores.parquet").filter(pl.col("task") == "mode")
    odd = pl.col("run") == "contrastive-from scratch-400-s0"
    note = pl.when(odd).then(pl.lit("strength 1e-3, on the edge of its grid")).otherwise(pl.lit("")).alias("note")
    folder = changed(table.with_columns(note))
    assert "strength 1e-3, on the edge of its grid: 1 score of 1 run (mode)" in write_report(folder).read_text()
    assert "on the edge of its grid: 1 score" in (folder / "report" / "report.md").read_text()


def test_references_of_several_encoders_are_averaged_and_say_so(
    study: Path, changed: Callable[[pl.DataFrame], Path]
) -> None:
    table = pl.read_parquet(study / "report" / "scores.parquet").filter(pl.col("task").is_in(["mode", "pitch"]))
    wider = table.filter(pl.col("reference") == "untrained").with_columns(
        (pl.col("run") + "-wide").alias("run"), (pl.col("value") + 0.1).alias("value")
    )
    page = write_report(changed(pl.concat([table, wider]))).read_text()
    assert 'untrained encoder (mean of 2)</td><td colspan="4">69.0 %' in page
