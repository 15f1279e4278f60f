"""Whatever numbers a table of scores holds, the analysis prints no warning, and refuses nothing but in one line."""

import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scaling.analysis.claims.collection import claims
from scaling.analysis.claims.evidence import gather
from scaling.analysis.curves.fit import fit_curve, fit_curves
from scaling.analysis.plan.command import plan_grid, plan_next_run
from scaling.analysis.report.write import write_table_report
from scaling.analysis.scores.csv_file import csv_bytes
from scaling.analysis.scores.own_table import read_table
from scaling.errors import StudyError, steers

FEW = settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SOME = settings(FEW, max_examples=10)
MANY = settings(FEW, max_examples=300, derandomize=False)

BEYOND = [0.0, 5e-324, 1e-308, 9e-51, 1.1e50, 1e308, sys.float_info.max, float("inf"), float("nan")]
USABLE = (
    st.sampled_from([1e-50, 1e-16, 1e-3, 0.99, 1.0, 1.0 + 1e-12, 3.0, 100.0, 1e9, 1e16, 1e50])
    | st.floats(1e-3, 1e3)
    | st.floats(1e-50, 1e50)
)
WILD = USABLE | st.sampled_from(BEYOND)
CLOSE, CLIPS = st.floats(1e3, 1.1e3), st.integers(1, 10**7).map(float)
SIZES = st.sampled_from([USABLE, CLOSE, CLIPS]).flatmap(lambda one: st.lists(one, min_size=3, max_size=8))
VALUES = st.sampled_from([0.0, 5e-324, 1e-9, 0.3, 0.5, 1 - 2**-53, 1.0]) | st.floats(0, 1)
STDERRS = st.sampled_from([None, 0.0, 5e-324, 1e-9, 0.01, 1.0])


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    """Warnings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@st.composite
def curves(draw: Callable[..., Any]) -> tuple[Any, Any]:
    """Sizes in any order, some several times, and errors: any, alike, falling, rising, or of a law."""
    sizes = np.array(draw(SIZES))
    if draw(st.booleans()):
        sizes = np.repeat(sizes, 2)
    error = np.array(draw(st.lists(USABLE, min_size=sizes.size, max_size=sizes.size)))
    match draw(st.sampled_from(["any", "alike", "falling", "rising", "close", "law"])):
        case "alike":
            error[:] = error[0]
        case "falling" | "rising" as way:
            error = np.sort(error)[np.argsort(np.argsort(sizes))[:: -1 if way == "falling" else 1]]
        case "close":
            error = error[0] * (1 + 1e-9 * np.arange(error.size) / error.size)
        case "law":
            error = error[0] * (1 + (sizes / sizes.min()) ** -draw(st.floats(1e-3, 3)))
    return sizes, np.clip(error, 1e-50, 1e50)


def look(x: Any, y: Any, draws: int = 20) -> None:
    """Fit a curve and ask it everything."""
    curve = fit_curve(x, y, draws=draws)
    places = np.array([1e-50, x.min(), x.max(), min(4 * x.max(), 1e50), 1e50])
    curve.predict(places), curve.interval(places), curve.windows(places), curve.coverage(float(x.max()))
    assert not np.isinf(curve.predict(x)).any()
    assert not curve.inverse(float(y.min())) < 0


@settings(FEW, max_examples=40)
@given(curves(), st.sampled_from([0, 20]))
def test_curves(points: tuple[Any, Any], draws: int) -> None:
    look(*points, draws)


@FEW
@given(curves(), st.sampled_from(BEYOND), st.booleans())
def test_a_number_beyond_all_is_refused(points: tuple[Any, Any], number: float, first: bool) -> None:
    points[not first][-1] = number
    with pytest.raises(ValueError, match="must be finite and above 0, between 1e-50 and 1e\\+50"):
        fit_curve(*points)


@pytest.mark.long
@MANY
@given(st.lists(curves(), min_size=1, max_size=4))
def test_many_curves(points: list[tuple[Any, Any]]) -> None:
    for x, y in points:
        look(x, y)
    fit_curves(points, draws=20)


def one_line(error: StudyError) -> None:
    assert not steers(str(error))


FLOATS = ("stderr", "flops", "holdout_loss")


@st.composite
def tables(draw: Callable[..., Any]) -> pl.DataFrame:
    """Scores of two or three arms, at a few sizes and seeds, some of them missing."""
    sizes = draw(SIZES)[:5]
    value = draw(st.sampled_from([VALUES, st.just(draw(VALUES)), st.floats(0.2, 0.8)]))
    stderr = draw(st.sampled_from([STDERRS, st.just(0.01), st.just(None)]))
    number = draw(st.sampled_from([st.none(), st.just(0.0), USABLE, st.just(1e6)]))
    tests = draw(st.sampled_from([st.just(100), st.sampled_from([1, 2**62])]))
    loss = draw(st.sampled_from([st.none(), USABLE, st.floats(0.1, 10), st.floats(-1, 1)]))
    full, dearer = draw(st.booleans()), draw(st.booleans())
    rows = [
        {
            "objective": arm, "width": size, "task": task, "metric": "accuracy", "seed": seed, "value": draw(value),
            "stderr": draw(stderr), "n_test": draw(tests), "samples_seen": draw(st.sampled_from([None, 1, 2**62])),
            "flops": size if dearer else draw(number), "holdout_loss": draw(loss),
        }
        for arm in ("a", "b", "c")[: draw(st.integers(1, 3))]
        for task in ("t", "u")[: draw(st.integers(1, 2))]
        for size in dict.fromkeys(sizes)
        for seed in range(draw(st.integers(1, 3)))
        if full or draw(st.integers(0, 9))
    ]  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None, schema_overrides=dict.fromkeys(FLOATS, pl.Float64))


def as_csv(table: pl.DataFrame, folder: Path) -> Path:
    path = folder / "mine.csv"
    path.write_bytes(csv_bytes(table))
    return path


def claimed(table: pl.DataFrame, folder: Path) -> None:
    path = as_csv(table, folder)
    try:
        scores, design = read_table(path, "width")
        found = claims(gather(scores, None, design))
    except StudyError as error:
        one_line(error)
        return
    for claim in found:
        told = [claim.number, claim.probability, *(claim.interval or ()), *claim.chances.values()]
        assert all(np.isfinite(number) for number in told if number is not None), claim
        assert "nan" not in claim.sentence.lower().split(), claim


@SOME
@given(tables())
def test_claims(tmp_path: Path, table: pl.DataFrame) -> None:
    claimed(table, tmp_path)


@pytest.mark.long
@MANY
@given(tables())
def test_many_claims(tmp_path: Path, table: pl.DataFrame) -> None:
    claimed(table, tmp_path)


@pytest.mark.long
@settings(MANY, max_examples=60)
@given(tables())
def test_many_reports(tmp_path: Path, table: pl.DataFrame) -> None:
    path = as_csv(table, tmp_path)
    try:
        assert write_table_report(path, tmp_path, "width").exists()
    except StudyError as error:
        one_line(error)


def next_run(table: pl.DataFrame, folder: Path, noise: float, hours: tuple[float, float]) -> None:
    for question in ("crossover", "exponents"):
        try:
            text = plan_next_run(str(as_csv(table, folder)), ("a", "b"), question, noise, 0, hours, "width", ())
        except StudyError as error:
            one_line(error)
        else:
            assert "nan" not in text.split()


@settings(FEW, max_examples=4)
@given(tables(), st.sampled_from([0.0, 0.02]))
def test_next_runs(tmp_path: Path, table: pl.DataFrame, noise: float) -> None:
    next_run(table, tmp_path, noise, (1.0, 1.0))


@pytest.mark.long
@settings(MANY, max_examples=100)
@given(tables(), WILD | st.just(0.02), st.tuples(WILD, WILD))
def test_many_next_runs(tmp_path: Path, table: pl.DataFrame, noise: float, hours: tuple[float, float]) -> None:
    next_run(table, tmp_path, noise, hours)


def grid(arms: list[tuple[str, str, str]], sizes: list[float], seeds: int, noise: float, hours: float) -> None:
    words = tuple(f"{name}:{','.join(numbers)}" for name, numbers in zip("abc", arms, strict=False))
    try:
        text = plan_grid(words, tuple(sizes), seeds, noise, 1e6, (hours, 0.0), "clips")
    except StudyError as error:
        one_line(error)
    else:
        assert "nan" not in text.split()


def guess(*usual: str) -> st.SearchStrategy[str]:
    return st.sampled_from(usual * 3) | WILD.map(str)


LAWS = st.lists(
    st.tuples(guess("0", "0.1", "1", "1e-9"), guess("6", "0.1", "1e-9", "1e9"), guess("0.4", "0.02", "2", "1e-9")),
    min_size=2,
    max_size=3,
)
ASCENDING = SIZES.map(lambda sizes: sorted(set(sizes)))


@pytest.mark.long
@settings(MANY, max_examples=60)
@given(LAWS, ASCENDING, st.integers(1, 3), WILD | st.just(0.02), WILD)
def test_many_grids(
    arms: list[tuple[str, str, str]], sizes: list[float], seeds: int, noise: float, hours: float
) -> None:  # fmt: skip
    grid(arms, sizes, seeds, noise, hours)
