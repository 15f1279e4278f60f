"""Fixtures: fake studies, and what the analysis makes of them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from fake_study import Tables, make_study, read_tables

from scaling.analysis.claims.claim import Claim
from scaling.analysis.claims.collection import claims
from scaling.analysis.claims.evidence import Evidence, gather
from scaling.analysis.report.write import write_report


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
        shutil.copy(study / "study.json", tmp_path)
        return tmp_path

    return write


@pytest.fixture(scope="session")
def study_evidence(study: Path) -> Evidence:
    """The study with one seed, worked out."""
    return gather(*read_tables(study))


@pytest.fixture(scope="session")
def study_claims(study_evidence: Evidence) -> list[Claim]:
    return claims(study_evidence)


@pytest.fixture(scope="session")
def three(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """A study of three seeds and two tasks."""
    return read_tables(make_study(tmp_path_factory.mktemp("claims") / "three", seeds=3, tasks=["mode", "speaker"]))


@pytest.fixture(scope="session")
def written(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the study with its report."""
    folder = tmp_path_factory.mktemp("written") / "one"
    shutil.copytree(study, folder)
    write_report(folder)
    return folder
