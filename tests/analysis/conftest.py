"""Fixtures: a fake study, and what the analysis makes of it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from fake_study import make_study

from scaling.analysis.claims.arms import arms
from scaling.analysis.claims.claim import Claim
from scaling.analysis.claims.differences import differences
from scaling.analysis.claims.twins import twins
from scaling.analysis.claims.within import claims_from
from scaling.analysis.report.write import write_report
from scaling.analysis.scores.resamples import Draws, draw
from scaling.analysis.scores.scores import read_predictions, read_scores


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with one seed. Tests that change it copy it first."""
    return make_study(tmp_path_factory.mktemp("study") / "one")


@pytest.fixture
def changed(study: Path, tmp_path: Path) -> Callable[[pl.DataFrame], Path]:
    """Write changed scores into a study folder of their own, without predictions."""

    def write(scores: pl.DataFrame) -> Path:
        (tmp_path / "report").mkdir(exist_ok=True)
        scores.write_parquet(tmp_path / "report" / "scores.parquet")
        return tmp_path

    return write


@pytest.fixture(scope="session")
def study_tables(study: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Scores and predictions of the study with one seed."""
    scores = read_scores(study / "report" / "scores.parquet")
    return scores, read_predictions(study, scores)


@pytest.fixture(scope="session")
def study_draws(study_tables: tuple[pl.DataFrame, pl.DataFrame]) -> Draws:
    return draw(*study_tables)


@pytest.fixture(scope="session")
def study_claims(study_draws: Draws) -> list[Claim]:
    found = arms(study_draws)
    return claims_from(study_draws, differences(study_draws), found, twins(found, study_draws.cells))


@pytest.fixture(scope="session")
def written(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the study with its report."""
    folder = tmp_path_factory.mktemp("written") / "one"
    shutil.copytree(study, folder)
    write_report(folder)
    return folder
