"""The report: curves, claims, figures and a page that a person can read alone."""

import io
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any, NotRequired

import polars as pl
from matplotlib.figure import Figure
from typing_extensions import TypedDict

from scaling.analysis.claims.collection import claims
from scaling.analysis.claims.evidence import gather
from scaling.analysis.report.curve_table import curve_table
from scaling.analysis.report.escapes import command
from scaling.analysis.report.examples import Examples, examples, sounds, told
from scaling.analysis.report.figures import figures
from scaling.analysis.report.page import Picture, content, render
from scaling.analysis.report.surface_table import surface_table
from scaling.analysis.report.tables import latex_tables, summary_table
from scaling.analysis.scores.csv_file import csv_bytes
from scaling.analysis.scores.design import Design
from scaling.analysis.scores.own_table import read_table
from scaling.analysis.scores.study_table import read_predictions, read_study
from scaling.storage.files import Location
from scaling.storage.own import read_own
from scaling.storage.published import publish

PART = "report"
FIXED = (
    "curves.parquet",
    "curves.csv",
    "surfaces.parquet",
    "summary.csv",
    "curves.tex",
    "differences.csv",
    "scores.csv",
    "claims.json",
    "report.md",
    "report.html",
)
"""Files of a report beside the figures."""


class _Owner(TypedDict):
    study: str
    preset: NotRequired[str]
    corpus: NotRequired[str]


def owner(study: str, preset: str = "", corpus: str = "") -> str:
    """Whose a study's report is, in words: nothing else is ever put into its folder."""
    return ", ".join(filter(None, [f"the study {study}", preset, corpus and f"corpus {corpus}"]))


def write_report(folder: Path, report: Location | None = None) -> Location:
    """Read a study's design, scores and predictions and put everything under `folder/report`, or where `report` says.

    Returns:
        The path of report.html.

    Raises:
        StudyError: a study or scores that cannot be read or make no sense, mixed protocols, or a folder that cannot be
            written, or not without writing over what is not ours (`publish`).
    """
    scores, design = read_study(folder)
    named = read_own(folder / "study.json", _Owner, "start the study again")
    found = examples(folder, scores, design)
    files = contents(scores, read_predictions(folder, scores), design, "", found, sounds(folder / "report", found))
    return _published(report or folder / "report", owner(**named), files)


def write_table_report(path: Path, out: Path, axis: str = "clips", factors: tuple[str, ...] = ()) -> Location:
    """Read an own table of scores (see `read_table`) and put everything under `out/report`.

    Returns and raises as `write_report`.
    """
    scores, design = read_table(path, axis, factors)
    # A name that begins with - would be an option.
    source = f"./{path.name}" if path.name.startswith("-") else path.name
    told = [*(["--axis", axis] if axis != "clips" else []), *(["--factors", *factors] if factors else [])]
    files = contents(scores, None, design, command("scaling", "report", source, *told))
    # Both may be moved together.
    return _published(out / "report", f"the table {os.path.relpath(path, out / 'report')}", files)


def _published(report: Location, of: str, files: dict[str, bytes]) -> Location:
    publish(report, of, PART, files)
    return report / "report.html"


def contents(
    scores: pl.DataFrame,
    predictions: pl.DataFrame | None,
    design: Design,
    made_by: str,
    shown: Sequence[Examples] = (),
    heard: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, bytes]:
    """The files of a report by their names: curves.parquet, curves.csv, surfaces.parquet (where there are two axes),
    summary.csv, curves.tex, differences.csv, scores.csv, claims.json, figures/*.png, report.md and, last, report.html.

    The same input gives the same bytes.

    Args:
        predictions: None where there are none to be had (see `resamples.draw`).
        made_by: the command that makes the report of an own table; "" for a study's.
        shown, heard: examples, and by clip the sound of each as a page can hold it.

    Raises:
        StudyError: mixed protocols.
    """
    known = gather(scores, predictions, design)
    found = claims(known)
    curves = curve_table(known)
    pictures = [Picture(one.name, one.caption, _png(one.figure)) for one in figures(known, curves)]
    table = summary_table(curves, scores, design)
    page = {**content(known, found, curves, table, pictures, made_by), "examples": told(shown, heard)}
    listed = pl.col("runs").list.join(" "), pl.lit(design.x.column).alias("axis")
    surfaces = {"surfaces.parquet": _parquet(surface_table(known.planes, design))} if known.planes else {}
    return {
        **{f"figures/{one.name}.png": one.png for one in pictures},
        "curves.parquet": _parquet(curves),
        "curves.csv": csv_bytes(curves.drop(pl.selectors.nested())),
        **surfaces,
        "summary.csv": csv_bytes(table),
        "curves.tex": latex_tables(table, page["covers"], design.x).encode(),
        "differences.csv": csv_bytes(known.differences.table.drop("row").with_columns(listed)),
        "scores.csv": csv_bytes(scores),
        "claims.json": _json([asdict(claim) for claim in found]),
        "report.md": render("report.md.j2", page),
        "report.html": render("report.html.j2", page),
    }


def _parquet(table: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    return buffer.getvalue()


def _json(claims: list[dict[str, Any]]) -> bytes:
    return (json.dumps(claims, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # A letter that the font lacks is drawn as a box; the page has it as it is.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        figure.savefig(buffer, format="png", facecolor="white", metadata={"Software": None})
    return buffer.getvalue()
