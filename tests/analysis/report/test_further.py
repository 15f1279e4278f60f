"""The report's tables of further questions: there where a study has the runs, and only there."""

import re
from pathlib import Path

import numpy as np
from made_study import GRID, A, B, Many, a, b
from planted_study import CLIPS, PARAMETERS, design, table

from scaling.analysis.claims.collection import claims
from scaling.analysis.claims.evidence import gather
from scaling.analysis.report.further import MOST_ROWS, further
from scaling.analysis.report.write import contents, write_table_report


def headings(page: bytes) -> list[str]:
    return re.findall("<h3>(.*?)</h3>", page.decode().split("<details>")[0])


def test_a_study_with_losses_and_flops_has_all_tables_of_one_axis(tmp_path: Path) -> None:
    """As a table from elsewhere, with the columns that it needs alone."""
    case = Many(3, 3, loss=0.01)
    scores, _ = case.scores(np.random.default_rng(0))
    kept = ["objective", "clips", "task", "metric", "value", "seed", "stderr", "n_test", "holdout_loss"]
    own = scores.select(kept).with_columns(flops=1e9 * scores["clips"])
    own.write_csv(tmp_path / "scores.csv")
    page = Path(str(write_table_report(tmp_path / "scores.csv", tmp_path))).read_bytes()
    assert headings(page) == [
        "How small may runs be that decide as the largest?", "Which tasks tell the arms apart?",
        "Does the answer hang on tasks that tell little?", "What is an advantage worth in compute?",
        "Does the loss on the holdout predict the error?",
    ]  # fmt: skip
    told = (tmp_path / "report" / "report.md").read_text()
    assert "| 1,000 |" in told
    assert told.count("\n## Does the loss on the holdout predict the error?\n") == 2
    claims = (tmp_path / "report" / "claims.json").read_text()
    for kind in ("decision", "signal", "weighed", "compute_gain", "two_stages", "forecast"):
        assert f'"kind": "{kind}"' in claims
    for figure in ("decisions", "two-stages"):
        assert f"](figures/{figure}.png)" in told
        assert (tmp_path / "report" / "figures" / f"{figure}.png").is_file()


def test_a_study_without_them_has_those_of_its_scores_alone(written: Path) -> None:
    assert headings((written / "report" / "report.html").read_bytes()) == [
        "How small may runs be that decide as the largest?", "Which tasks tell the arms apart?",
        "Does the answer hang on tasks that tell little?",
    ]  # fmt: skip
    assert (written / "report" / "figures" / "decisions.png").is_file()
    assert not (written / "report" / "figures" / "two-stages.png").exists()


def test_runs_of_equal_compute_stand_in_the_report_of_two_axes() -> None:
    asked = design(CLIPS, PARAMETERS)
    scores = table(
        asked, GRID, lambda run: 0.15 + A * run["parameters"] ** -a + B * run["clips"] ** -b,
        lambda run: 60.0 * run["parameters"] * run["clips"], seeds=1,
    )  # fmt: skip
    page = contents(scores, None, asked, "")["report.html"]
    # That larger encoders err less is no signal of a task, and no decision.
    assert headings(page) == ["What is an advantage worth in compute?", "Which size is best at equal compute?"]


def test_many_rows_are_cut_and_counted() -> None:
    case = Many(2, MOST_ROWS + 3)
    known = gather(case.scores(np.random.default_rng(0))[0], None, case.design)
    cut = next(one for one in further(known, claims(known)) if one["title"] == "Which tasks tell the arms apart?")
    assert len(cut["rows"]) == MOST_ROWS
    assert cut["more"] == "The other 3 rows stand in claims.json."
