"""Paired intervals cover planted differences as often as they say, over test clips and over seeds.

Covers `claims.differences` too.
"""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from fake_study import CLIPS, OBJECTIVE, describe, read_tables
from scipy.stats import binom

from scaling.analysis.claims.differences import Differences, differences
from scaling.analysis.claims.evidence import Evidence
from scaling.analysis.claims.pairs import pairs
from scaling.analysis.curves.fit import LEVEL
from scaling.analysis.scores import Design
from scaling.analysis.scores.resamples import Draws, draw

ASKED = Design("One factor", "Which objective?", (CLIPS,), (OBJECTIVE,))


def tiny(answers: dict[tuple[str, int], np.ndarray], task: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Scores and predictions of one task from (objective, seed) -> correct (n,)."""
    scores, predictions = [], []
    for (objective, seed), correct in answers.items():
        run = describe(f"{objective}-{seed}", seed, {"objective": objective, "clips": 400})
        value, n = float(correct.mean()), correct.size
        scores.append({
            **run, "task": task, "domain": "speech", "pooling": "mean", "metric": "accuracy", "value": value,
            "stderr": 0.01, "n_test": n, "excluded": False, "reason": "", "mlflow_run_id": "",
        })  # fmt: skip
        keys = {"run": f"{objective}-{seed}", "task": task, "pooling": "mean", "metric": "accuracy"}
        clips = [f"clip-{i}" for i in range(n)]
        predictions.append(pl.DataFrame({"clip": clips, "correct": correct.astype(float)}).with_columns(
            *(pl.lit(v).alias(k) for k, v in keys.items())
        ))  # fmt: skip
    return pl.DataFrame(scores), pl.concat(predictions)


def compared(scores: pl.DataFrame, predictions: pl.DataFrame) -> tuple[Draws, Differences]:
    draws = draw(scores, predictions, ASKED)
    return draws, differences(draws, pairs(draws.cells, ASKED))


def covered(hits: int, trials: int) -> bool:
    low, high = binom.interval(0.999, trials, LEVEL)
    return bool(low <= hits <= high)


def test_test_clip_intervals_cover_a_planted_difference() -> None:
    rng = np.random.default_rng(3)
    planted, trials = 0.06, 200
    tables = []
    for trial in range(trials):
        hard = rng.random(300)
        answers = {
            (name, 0): (hard + 0.1 * rng.normal(size=300) > level).astype(float)
            for name, level in (("contrastive", 0.3), ("captioning", 0.3 + planted))
        }
        tables.append(tiny(answers, f"trial-{trial}"))
    scores, predictions = (pl.concat(part) for part in zip(*tables, strict=True))
    rows = compared(scores, predictions)[1].table.filter(pl.col("kind") == "task")
    # Clipping at the edges of the difficulty bends the planted difference a little: take the mean as the truth.
    truth = rows["difference"].mean()
    assert truth == pytest.approx(planted, abs=0.005)
    assert covered(rows.filter(pl.col("low") <= truth, pl.col("high") >= truth).height, trials)
    unpaired = 2 * 1.645 * np.sqrt(2 * 0.3 * 0.7 / 300)
    assert (rows["high"] - rows["low"]).mean() < 0.7 * unpaired


@pytest.mark.parametrize("k", [2, 3])
def test_seed_intervals_cover_when_seeds_are_the_noise(k: int) -> None:
    rng = np.random.default_rng(k)
    trials, n = 300, 400
    tables = []
    for trial in range(trials):
        answers = {}
        for seed in range(k):
            for name, level in (("contrastive", 0.3), ("captioning", 0.4)):
                wrong = round(n * (level + 0.08 * rng.normal()))
                answers[name, seed] = np.r_[np.zeros(wrong), np.ones(n - wrong)]
        tables.append(tiny(answers, f"trial-{trial}"))
    scores, predictions = (pl.concat(part) for part in zip(*tables, strict=True))
    rows = compared(scores, predictions)[1].table.filter(pl.col("kind") == "task")
    assert covered(rows.filter(pl.col("low") <= 0.1, pl.col("high") >= 0.1).height, trials)


def test_scores_without_matching_predictions_have_no_interval() -> None:
    rng = np.random.default_rng(0)
    answers = {(name, 0): rng.integers(0, 2, 50).astype(float) for name in ("contrastive", "captioning")}
    scores, predictions = tiny(answers, "task")
    absent = predictions.filter(pl.col("run") != "contrastive-0")
    other = predictions.with_columns(
        pl.when(pl.col("run") == "contrastive-0").then(pl.col("clip") + "x").otherwise("clip").alias("clip")
    )
    wrong = predictions.with_columns(
        pl.when(pl.col("run") == "contrastive-0").then(1 - pl.col("correct")).otherwise("correct").alias("correct")
    )
    for table, reason in ((absent, "no predictions"), (other, "other test clips"), (wrong, "do not add up")):
        draws, found = compared(scores, table)
        assert len(draws.unmatched) == 1
        assert reason in draws.unmatched[0][2]
        row = found.table.row(0, named=True)
        assert np.isnan(row["low"])
        assert np.isfinite(row["difference"])


def test_draws_do_not_hang_on_the_order_of_rows(study_evidence: Evidence, study: Path) -> None:
    scores, predictions, design = read_tables(study)
    again = draw(scores.reverse(), predictions.sample(fraction=1, shuffle=True, seed=1), design)
    assert again.cells.drop("row").equals(study_evidence.draws.cells.drop("row"))
    np.testing.assert_array_equal(again.errors, study_evidence.draws.errors)


def test_draws_centre_on_the_scores(study_evidence: Evidence) -> None:
    draws = study_evidence.draws
    np.testing.assert_allclose(draws.errors.mean(axis=1), draws.cells["raw"].to_numpy(), atol=0.01)


def test_every_measure_is_compared(study_evidence: Evidence) -> None:
    table = study_evidence.differences.table
    assert set(table["factor"]) == {"objective", "initialization"}
    assert table.filter(pl.col("kind") == "task")["x"].n_unique() == 4
    # Head pooling exists for contrastive runs only: no partner, no difference between objectives.
    assert "head" not in table.filter(pl.col("factor") == "objective")["pooling"]
