"""A built wheel works outside a checkout: commands, studies, types and data are in it."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from scaling.runs.provenance import source_hash

ROOT = Path(__file__).resolve().parents[1]
BUILT_FROM = ("scaling", "studies", "pyproject.toml", "README.md", "LICENSE")
pytestmark = pytest.mark.long

Call = Callable[..., str]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel, and today's dependencies where they are."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in BUILT_FROM:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, source / name)
    for name in (".env", "scaling/.env", "scaling/data/id_rsa", "scaling/token.json", "studies/key.pem"):
        (source / name).write_text("SECRET")
    quiet = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*quiet, "wheel", "--no-deps", "--wheel-dir", folder, source], check=True)
    [wheel] = folder.glob("*.whl")
    kinds = {Path(name).suffix for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert kinds <= {".py", ".typed", ".csv", ".j2"}, kinds
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([*quiet, "--python", python, "install", "--no-deps", wheel], check=True)
    packages = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    # Behind its own folder, so that what is in the wheel comes first; an editable install is no path.
    (Path(packages.stdout.strip()) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


@pytest.fixture
def call(installed: Path, tmp_path: Path) -> Call:
    """Runs a program of the environment in an empty folder; what it prints."""

    def run(program: str, *arguments: object) -> str:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        command = [str(installed / program), *map(str, arguments)]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_package_is_the_wheels_and_knows_its_source(call: Call, installed: Path) -> None:
    program = (
        "import scaling.cli, scaling.runs.provenance as p; print(scaling.cli.__file__, p.source_hash(), p.commit())"
    )
    place, source, *commit = call("python", "-c", program).split()
    assert Path(place).is_relative_to(installed.parent)
    assert source == source_hash()
    assert commit == []


def test_the_commands_say_what_they_do(call: Call) -> None:
    for command in ("report", "plan", "sync"):
        assert command in call("scaling", "--help")
        assert f"scaling {command} [-h]" in call("scaling", command, "--help")


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in (ROOT / "studies").glob("*.py") if path.stem != "__init__")
)
def test_a_study_can_be_started_from_the_package(call: Call, name: str) -> None:
    assert "--preset" in call("python", "-m", f"studies.{name}", "--help")


def test_a_report_has_its_templates_and_its_calibration(call: Call, tmp_path: Path) -> None:
    rows = [
        {"objective": arm, "clips": clips, "task": "birds", "metric": "accuracy", "value": 1 - 0.1 - a * clips**-0.3}
        for arm, a in (("one", 2.0), ("two", 1.5))
        for clips in (100, 300, 1000, 3000)
    ]
    pl.DataFrame(rows).write_csv(tmp_path / "scores.csv")
    said = call("scaling", "report", "scores.csv", "--out", "mine")
    report = tmp_path / "mine" / "report"
    assert str(report / "report.html") in said
    for name in ("report.html", "report.md", "claims.json", "curves.parquet"):
        assert (report / name).stat().st_size > 0


def test_types_are_told(call: Call) -> None:
    assert call(
        "python", "-c", "import importlib.resources as r; print(r.files('scaling').joinpath('py.typed').is_file())"
    )
