"""The report: curves, claims, figures and a page that a person can read alone."""

import io
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl
from matplotlib.figure import Figure

from scaling.analysis.claims.collection import claims
from scaling.analysis.claims.evidence import gather
from scaling.analysis.report.curve_table import curve_table
from scaling.analysis.report.figures import figures
from scaling.analysis.report.page import Picture, content, render
from scaling.analysis.report.surface_table import surface_table
from scaling.analysis.report.tables import latex, summary_table
from scaling.analysis.scores.design import Design
from scaling.analysis.scores.own_table import read_table
from scaling.analysis.scores.study_table import read_predictions, read_study
from scaling.errors import StudyError


def write_report(folder: Path) -> Path:
    """Read a study's design, scores and predictions and write everything under `folder/report`, as `write` does.

    Returns:
        The path of report.html.

    Raises:
        StudyError: a study or scores that cannot be read or make no sense, mixed protocols, or a folder that cannot be
            written.
    """
    scores, design = read_study(folder)
    return write(folder / "report", scores, read_predictions(folder, scores), design, "")


def write_table_report(path: Path, out: Path, axis: str = "clips", factors: tuple[str, ...] = ()) -> Path:
    """Read an own table of scores (see `read_table`) and write everything under `out/report`, as `write` does.

    Returns and raises as `write_report`.
    """
    scores, design = read_table(path, axis, factors)
    command = " ".join([f"scaling report {path.name}", *([f"--axis {axis}"] if axis != "clips" else []),
                        *(["--factors", *factors] if factors else [])])  # fmt: skip
    return write(out / "report", scores, None, design, command)


def write(report: Path, scores: pl.DataFrame, predictions: pl.DataFrame | None, design: Design, command: str) -> Path:
    """Write curves.parquet, curves.csv, surfaces.parquet (where there are two axes), summary.csv, curves.tex,
    differences.csv, scores.csv, claims.json, report.html, report.md and figures/*.png.

    Each goes through a temporary file renamed into place. The same input gives the same bytes.

    Args:
        predictions: None where there are none to be had (see `resamples.draw`).
        command: what makes the report of an own table; "" for a study's.
    """
    known = gather(scores, predictions, design)
    found = claims(known)
    curves = curve_table(known)
    pictures = [Picture(one.name, one.caption, _png(one.figure)) for one in figures(known, curves)]
    table = summary_table(curves, scores, design)
    page = content(known, found, curves, table, pictures, command)
    try:
        (report / "figures").mkdir(parents=True, exist_ok=True)
        for stale in {path.stem for path in (report / "figures").glob("*.png")} - {one.name for one in pictures}:
            (report / "figures" / f"{stale}.png").unlink()
        for one in pictures:
            _replace(report / "figures" / f"{one.name}.png", one.png)
        _replace(report / "curves.parquet", _bytes(curves.write_parquet))
        _replace(report / "curves.csv", _bytes(curves.drop(pl.selectors.nested()).write_csv))
        if known.planes:
            surfaces = surface_table(known.planes, design)
            _replace(report / "surfaces.parquet", _bytes(surfaces.write_parquet))
        _replace(report / "summary.csv", _bytes(table.write_csv))
        _replace(report / "curves.tex", latex(table, page["covers"], design.x).encode())
        listed = pl.col("runs").list.join(" "), pl.lit(design.x.column).alias("axis")
        diffs = known.differences.table.drop("row").with_columns(listed)
        _replace(report / "differences.csv", _bytes(diffs.write_csv))
        _replace(report / "scores.csv", _bytes(scores.write_csv))
        _replace(report / "claims.json", _json([asdict(claim) for claim in found]))
        _replace(report / "report.md", render("report.md.j2", page))
        _replace(report / "report.html", render("report.html.j2", page))
    except OSError as error:
        raise StudyError(f"{report}: cannot write the report: {error.strerror}") from error
    return report / "report.html"


def _bytes(write: Callable[[io.BytesIO], object]) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def _json(claims: list[dict[str, Any]]) -> bytes:
    return (json.dumps(claims, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor="white", metadata={"Software": None})
    return buffer.getvalue()
