"""Every study file: what its presets make, and that it is data and little else."""

import importlib
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from scaling.analysis.scores.design import design_from_json
from scaling.study.options import Options, parse
from scaling.study.study import Study

STUDIES = Path(__file__).resolve().parents[1] / "studies"
NAMES = sorted(path.stem for path in STUDIES.glob("*.py") if path.stem != "__init__")


@pytest.fixture(params=NAMES)
def module(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(f"studies.{request.param}")


def options_of(module: ModuleType) -> type[Options]:
    [kind] = [each for each in vars(module).values() if isinstance(each, type) and each.__module__ == module.__name__]
    return kind


def study_of(module: ModuleType, *arguments: str) -> Study:
    made = getattr(module, module.__name__.partition(".")[2])(parse(options_of(module), "", list(arguments)))
    assert isinstance(made, Study)
    return made


@pytest.mark.parametrize("preset", ["laptop", "smoke"])
def test_a_preset_is_a_whole_study(module: ModuleType, preset: str) -> None:
    study = study_of(module, "--preset", preset)
    assert (study.name, study.preset) == (module.__name__.partition(".")[2].replace("_", "-"), preset)
    # A curve needs two sizes; what asks for no curve spends its runs on seeds.
    assert len(study.axes[0].values) >= 2 or (preset == "laptop" and len(study.seeds) >= 3)
    resolved = study.resolve(10_000)
    under_study = [cell for cell in resolved.cells if not cell.reference]
    assert all(cell.run.steps > 0 for cell in under_study)
    assert {cell.reference for cell in resolved.cells} >= {"chance", "log-mel", "untrained"}
    for cell in under_study:
        assert all(cell.levels[factor.name] in factor.levels for factor in study.factors)
    parents = {run.initialization.parent for run in resolved.runs} - {""}
    assert all(run.steps > 0 for run in resolved.runs if run.name in parents)
    assert parents <= {run.name for run in resolved.runs}
    # What the analysis reads of it.
    assert design_from_json(study.design()).title == study.title


def test_the_smoke_is_smaller_than_the_laptop(module: ModuleType) -> None:
    laptop, smoke = (study_of(module, "--preset", preset).resolve(10_000) for preset in ("laptop", "smoke"))
    assert sum(run.work for run in smoke.runs) < sum(run.work for run in laptop.runs) / 10


def test_sizes_and_seeds_are_those_of_the_command_line(module: ModuleType) -> None:
    study = study_of(module, "--clips", "50", "60", "70", "--seeds", "3", "4")
    assert set(study.sizes) >= {50, 60, 70}
    assert {cell.run.seed for cell in study.cells if not cell.reference} == {3, 4}
    assert replace(study, preset="smoke").runs == study.runs


def test_it_says_what_it_asks_and_how_it_is_started(module: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    path = STUDIES / Path(str(module.__file__)).name
    assert module.__doc__
    question = " ".join(module.__doc__.partition("\n\n")[0].split())
    assert question.endswith("?")
    assert f"python studies/{path.name}" in module.__doc__
    with pytest.raises(SystemExit):
        parse(options_of(module), module.__doc__, ["--help"])
    said = capsys.readouterr().out
    assert question.split("?")[0][:60] in " ".join(said.replace("│", " ").split())
    assert "--objectives" in said


PAPER_NAME = re.compile(r"(contrastive|captioning)-(\d+)-(scratch|supervised)-zipformer-M-s0-[0-9a-f]{8}")


def test_the_paper_preset_is_the_papers_grid() -> None:
    study = study_of(importlib.import_module("studies.data_scale"), "--preset", "paper")
    assert study.assumed is not None
    grid = [cell.run for cell in study.resolve(study.assumed.clips).cells if cell.run.data.clips]
    found = [PAPER_NAME.fullmatch(run.name) for run in grid]
    assert len({match.groups() for match in found if match}) == len(grid) == 16
    assert {run.data.clips for run in grid} == {400_000, 1_000_000, 4_000_000, 9_300_000}
    assert {(run.initialization.audio, run.steps) for run in grid} == {("scratch", 600_000), ("supervised", 200_000)}
    assert {run.optimization.batch_seconds for run in grid} == {5120.0}
    assert {run.encoder.parameters for run in grid} == {65_913_719}


@pytest.mark.long
def test_a_dry_run_of_the_paper_preset_is_a_line_a_run_and_needs_nothing() -> None:
    """Without Ray, even: whoever imports it gets an error."""
    program = """
import sys
for name in ("ray", "mlflow", "lhotse"):
    sys.modules[name] = None
import runpy
sys.argv = ["data_scale.py", "--preset", "paper", "--dry-run"]
runpy.run_path("studies/data_scale.py", run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=STUDIES.parent)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 16
    for line in lines:
        assert PAPER_NAME.match(line)
        for what in (" M parameters", " FLOPs", " audio-hours", " passes", " GB a worker", " GPU-hours at 100 TFLOP/s"):
            assert what in line


def test_arms_of_captions_share_their_references_and_say_their_style() -> None:
    study = study_of(importlib.import_module("studies.captions"), "--seeds", "0").resolve(10_000)
    assert [run.reference for run in study.runs if run.reference] == ["chance", "log-mel", "untrained"]
    styles = {run.data.caption_style for run in study.runs} - {""}
    assert styles == {"human", "rewritten", "attribute"}
    assert all(f"{style}-captions" in run.name for run in study.runs if (style := run.data.caption_style))
    assert study.corpus.styled
