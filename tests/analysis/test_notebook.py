"""The notebook runs on a study's files, draws, and says what is missing."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "scaling_curves.ipynb"


def run(monkeypatch: pytest.MonkeyPatch, study: Path) -> nbformat.NotebookNode:
    monkeypatch.setenv("SCALING_STUDY", str(study))
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    assert not any(cell.get("outputs") for cell in notebook.cells), "commit the notebook without outputs"
    return NotebookClient(notebook, timeout=60, kernel_name="python3").execute()


def test_it_draws_the_curves(monkeypatch: pytest.MonkeyPatch, written: Path) -> None:
    outputs = [output for cell in run(monkeypatch, written).cells for output in cell.get("outputs", [])]
    assert "image/png" in outputs[-1]["data"]
    assert not [output for output in outputs if output.get("name") == "stderr"]


def test_it_names_a_missing_study(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(CellExecutionError, match=r"lacks scores\.parquet and curves\.parquet"):
        run(monkeypatch, tmp_path)
