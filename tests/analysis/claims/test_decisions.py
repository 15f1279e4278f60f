"""Decision accuracy, counted by hand."""

from string import ascii_lowercase

import numpy as np
import polars as pl
import pytest
from made_study import Many, holds

from scaling.analysis.claims.claim import Claim
from scaling.analysis.claims.decisions import MOST, decided, decisions
from scaling.analysis.claims.evidence import Evidence
from scaling.analysis.scores.design import Axis, Design, Factor
from scaling.analysis.scores.resamples import draw
from scaling.analysis.scores.schema import schema

ASKED = Design("", "", (Axis(),), (Factor("objective", ("a", "b", "c")),))
ERRORS = {  # by task and size, of the arms a, b and c
    ("pitch", 100): (0.5, 0.6, 0.7), ("pitch", 400): (0.4, 0.3, 0.5), ("pitch", 1600): (0.1, 0.2, 0.3),
    ("event", 100): (0.7, 0.6, 0.5), ("event", 400): (0.2, 0.2, 0.4), ("event", 1600): (0.1, 0.2, 0.3),
}  # fmt: skip


def scores(errors: dict[tuple[str, int], tuple[float, ...]], stderr: float | None = 1e-4) -> pl.DataFrame:
    rows = [
        {"study": "", "run": f"{arm}-{size}", "objective": arm, "clips": size, "task": task, "value": 1 - error,
         "stderr": stderr}
        for (task, size), those in errors.items() for arm, error in zip(ascii_lowercase, those, strict=False)
    ]  # fmt: skip
    fixed = {"reference": "", "protocol": "p", "seed": 0, "domain": "d", "pooling": "mean", "metric": "accuracy",
             "n_test": 1000, "note": "", "excluded": False, "reason": ""}  # fmt: skip
    table = pl.DataFrame(rows).with_columns(pl.lit(value).alias(name) for name, value in fixed.items())
    columns = schema(ASKED)
    absent = [pl.lit(None).alias(name) for name in columns if name not in table.columns]
    return table.with_columns(absent).select(pl.col(name).cast(dtype) for name, dtype in columns.items())


def said(errors: dict[tuple[str, int], tuple[float, ...]], stderr: float | None = 1e-4) -> list[Claim]:
    return decided(decisions(draw(scores(errors, stderr), None, ASKED), ASKED), ASKED)


def test_pairs_that_are_ordered_as_at_the_largest_size_are_counted() -> None:
    found = decisions(draw(scores(ERRORS), None, ASKED), ASKED)
    # At 100: pitch 3 of 3, event 0 of 3. At 400: pitch ac and bc, event ac and bc and a tie.
    assert [(one.x, one.right, one.asked) for one in found.at] == [(100, 3, 6), (400, 4.5, 6)]
    # Averages: at 100 all alike (0.6, three ties); at 400 a 0.3, b 0.25, c 0.45: ac and bc.
    assert [one.average for one in found.at] == [(1.5, 3), (2, 3)]
    assert found.by_task == {"event": (2.5, 6), "pitch": (5, 6)}
    first, second = said(ERRORS)
    assert (first.kind, first.at, first.unit, first.status) == ("decision", 100, "percent of pairs", "cannot be said")
    assert (first.number, second.number) == (50, 75)
    assert "of the average over tasks 2 of 3" in second.sentence


def test_an_arm_that_lacks_a_task_at_a_size_is_in_no_pair_there() -> None:
    without = {key: value[:2] if key == ("pitch", 400) else value for key, value in ERRORS.items()}
    assert [(one.right, one.asked) for one in decisions(draw(scores(without), None, ASKED), ASKED).at] == [
        (3, 6), (2.5, 4)
    ]  # fmt: skip


def test_one_size_one_arm_or_very_many_have_no_decisions() -> None:
    assert not said({key: value for key, value in ERRORS.items() if key[1] == 100})
    assert not said({key: value[:1] for key, value in ERRORS.items()})
    many = tuple(np.linspace(0.1, 0.9, 26))
    assert said({("pitch", 100): many, ("pitch", 400): many})
    levels = tuple(f"arm {i}" for i in range(40))
    assert len(levels) * (len(levels) - 1) / 2 > MOST


def test_where_no_noise_is_known_nothing_is_claimed() -> None:
    for claim in said(ERRORS, stderr=None):
        assert (claim.status, claim.interval, claim.probability) == ("cannot be said", None, None)


def test_a_study_is_told_how_small_runs_decide(study_claims: list[Claim], study_evidence: Evidence) -> None:
    found = [claim for claim in study_claims if claim.kind == "decision"]
    assert [claim.at for claim in found] == [400, 1000, 4000]
    for claim in found:
        assert claim.status == "said"
        low, high = claim.interval or (None, None)
        assert low is not None
        assert high is not None
        assert 50 < low <= (claim.number or 0) <= high <= 100
    assert sum(asked for _, asked in study_evidence.decisions.by_task.values()) == 3 * 54


@pytest.mark.parametrize("case", [Many(4, 9), Many(3, 6)])
def test_intervals_hold_the_accuracy_of_such_studies(case: Many) -> None:
    found = [decisions(case.drawn(np.random.default_rng(k))[1], case.design).at for k in range(40)]
    for size in range(3):
        truth = float(np.mean([at[size].share for at in found]))
        assert np.mean([holds(at[size].interval, truth) for at in found]) >= 0.9 - 3 * np.sqrt(0.09 / 40)
