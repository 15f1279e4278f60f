"""The report: curves, claims, figures and a page that a person can read alone."""

import io
import json
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from scaling.analysis.claims.arms import arms
from scaling.analysis.claims.claim import covers
from scaling.analysis.claims.crossover import CLAIMED, NEAR
from scaling.analysis.claims.differences import Differences, differences
from scaling.analysis.claims.twins import Twins, twins
from scaling.analysis.claims.within import claims_from
from scaling.analysis.curves.fit import BEYOND, LEVEL, Curve
from scaling.analysis.report import figures as plots
from scaling.analysis.report.page import content, render
from scaling.analysis.report.tables import latex, summary_table
from scaling.analysis.scores.own_table import read_table
from scaling.analysis.scores.resamples import draw, fit_curves
from scaling.analysis.scores.scores import KEYS, capital, domains, passes, read_predictions, read_scores, tasks, trained
from scaling.errors import StudyError

Row = dict[str, Any]
_LINE = 49  # points of a drawn curve


def write_report(folder: Path) -> Path:
    """Read a study's scores and predictions and write everything under `folder/report`, as `write` does.

    Returns:
        The path of report.html.

    Raises:
        StudyError: scores that cannot be read or make no sense, mixed protocols, or a folder that cannot be
            written.
    """
    scores = read_scores(folder / "report" / "scores.parquet")
    if trained(scores).is_empty():
        raise StudyError(f"{folder}: no run under study has scores; only references are there")
    return write(folder / "report", scores, read_predictions(folder, scores), "")


def write_table_report(path: Path, out: Path) -> Path:
    """Read an own table of scores (see `read_table`) and write everything under `out/report`, as `write` does.

    Returns and raises as `write_report`.
    """
    return write(out / "report", read_table(path), None, path.name)


def write(report: Path, scores: pl.DataFrame, predictions: pl.DataFrame | None, source: str) -> Path:
    """Write curves.parquet, curves.csv, summary.csv, curves.tex, differences.csv, scores.csv, claims.json,
    report.html, report.md and figures/*.png.

    Each goes through a temporary file renamed into place. The same input gives the same bytes.

    Args:
        predictions: None where there are none to be had (see `intervals.draw`).
        source: the own table that the scores come from; "" for a study's.
    """
    draws = draw(scores, predictions)
    diffs = differences(draws)
    curves = curve_table(fit_curves(draws)).join(passes(scores), on=KEYS, nulls_equal=True, maintain_order="left")
    by_arm = arms(draws)
    two_arms = twins(by_arm, draws.cells)
    found = claims_from(draws, diffs, by_arm, two_arms)
    figures = _figures(scores, curves, diffs, two_arms)
    table = summary_table(curves, scores)
    page = content(scores, curves, table, draws, diffs, found, figures, source)
    try:
        (report / "figures").mkdir(parents=True, exist_ok=True)
        for stale in {path.stem for path in (report / "figures").glob("*.png")} - {name for name, _, _ in figures}:
            (report / "figures" / f"{stale}.png").unlink()
        for name, _, png in figures:
            _replace(report / "figures" / f"{name}.png", png)
        _replace(report / "curves.parquet", _bytes(curves.write_parquet))
        _replace(report / "curves.csv", _bytes(curves.drop(pl.selectors.nested()).write_csv))
        _replace(report / "summary.csv", _bytes(table.write_csv))
        _replace(report / "curves.tex", latex(table, page["covers"]).encode())
        _replace(report / "differences.csv", _bytes(diffs.table.drop("row").write_csv))
        _replace(report / "scores.csv", _bytes(scores.write_csv))
        _replace(report / "claims.json", _json([asdict(claim) for claim in found]))
        _replace(report / "report.md", render("report.md.j2", page))
        _replace(report / "report.html", render("report.html.j2", page))
    except OSError as error:
        raise StudyError(f"{report}: cannot write the report: {error.strerror}") from error
    return report / "report.html"


def curve_table(fitted: list[tuple[dict[str, str | int], Curve, Curve | None]]) -> pl.DataFrame:
    """One row a curve: KEYS, status, form, E, A, a, their intervals, predictions, n_points, n_seeds, residual.

    Intervals come as columns `<name>_low` and `<name>_high` (level `fit.LEVEL`). Predicted are `at_largest`, `beyond`
    (at `fit.BEYOND` times it) and `held_out`: what the smaller sizes alone predict of the largest. `covered` and
    `covered_stderr` are the share of new observations that such bands held at `beyond` on public curves. What is drawn
    comes as lists: `line_clips`, `line`, `line_low`, `line_high` and, one list a law and window of sizes, `windows`.
    What is unknown is null.
    """
    shown = [entry.name for entry in fields(Curve) if entry.name not in ("pool", "parameters")]
    rows = []
    for described, curve, held_out in fitted:
        row: Row = {**described, **{name: getattr(curve, name) for name in shown}}
        row["at_largest"] = float(curve.predict(curve.largest))
        row["beyond"] = float(curve.predict(BEYOND * curve.largest))
        row |= _held_out(held_out, curve.largest) | _line(curve)
        cell = curve.coverage(BEYOND * curve.largest)
        row["covered"], row["covered_stderr"] = (cell.covered, cell.stderr) if cell else (np.nan, np.nan)
        for name in ("E", "A", "a"):
            row[f"{name}_low"], row[f"{name}_high"] = row.pop(f"{name}_interval")
        for name, pair in (("at_largest", curve.at_largest), ("beyond", curve.beyond)):
            row[f"{name}_low"], row[f"{name}_high"] = pair
        known = np.isfinite(curve.at_largest[0])
        rows.append(row | {"level": LEVEL, "covers": covers(int(described["n_seeds"])) if known else "nothing"})
    lists = dict.fromkeys(["line_clips", "line", "line_low", "line_high"], pl.List(pl.Float64))
    schema = {**lists, "windows": pl.List(pl.List(pl.Float64))}
    table = pl.DataFrame(rows, infer_schema_length=None, schema_overrides=schema).with_columns(
        pl.col("largest").cast(pl.Int64)
    )
    return table.select(*KEYS, pl.exclude(KEYS)).with_columns(pl.col(pl.Float64).fill_nan(None))


def _held_out(curve: Curve | None, size: float) -> Row:
    if curve is None:
        return dict.fromkeys(("held_out", "held_out_low", "held_out_high"), np.nan)
    low, high = curve.interval(size)
    return {"held_out": float(curve.predict(size)), "held_out_low": float(low), "held_out_high": float(high)}


def _line(curve: Curve) -> Row:
    """What is drawn of a curve, from its smallest size to `BEYOND` times its largest; empty where nothing predicts."""
    x = np.empty(0)
    if curve.pool is not None:
        x = np.geomspace(np.exp(curve.pool.first), BEYOND * curve.largest, _LINE)
    low, high = curve.interval(x) if x.size else (x, x)
    windows = [[v if np.isfinite(v) else None for v in line] for line in curve.windows(x).tolist()]
    drawn = {"line_clips": x, "line": curve.predict(x) if x.size else x, "line_low": low, "line_high": high}
    return {**{name: values.tolist() for name, values in drawn.items()}, "windows": windows}


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


def _figures(
    scores: pl.DataFrame, curves: pl.DataFrame, diffs: Differences, two_arms: list[Twins]
) -> list[tuple[str, str, bytes]]:
    """(file name, caption, PNG) of every figure, the summary first."""
    table, order = diffs.table, tasks(trained(scores))
    found = [
        (
            "summary",
            "Averages over all tasks. Left: error at each size (lower is better). Right: what one arm gains over "
            f"the other, in points of error, with {100 * LEVEL:.0f} % intervals; above 0 it is better.",
            plots.summary(scores, table),
        )
    ]
    legend = (
        "Thin bars: standard errors (test clips and seeds), thick ones: of the test clips alone, dots: single seeds. "
        "Lines are predictions, pooled over laws and windows of sizes (the faint lines), dashed beyond the data (to "
        f"{BEYOND} times the largest size). Shaded, and as bars at the right: where a new run falls at the end of the "
        "line, with the level aimed at and the share that such bands really held. Crosses, beside the largest size: "
        "what the smaller sizes alone predict of it. Points joined by dots: the error rises or there are too few "
        "points, so nothing is fitted."
    )
    for domain in domains(trained(scores)):
        caption = f"{capital(domain)}: error against unique clips. {legend}".strip()
        found.append((f"curves-{domain}", caption, plots.task_curves(scores, curves, domain)))
        caption = f"{capital(domain)}: the same on linear axes, to twice the data."
        found.append((f"curves-{domain}-linear", caption, plots.task_curves(scores, curves, domain, linear=True)))
        legend = ""
    for rows in table.partition_by("contrast", "arm", "other", maintain_order=True):
        name = plots.contrast_name(*rows.select("contrast", "arm", "other").row(0))
        found.append(
            (
                f"difference-{name}",
                f"{capital(name)}, task by task: difference in points of error with {100 * LEVEL:.0f} % "
                "intervals. Where the bar crosses 0, the task cannot tell the two apart.",
                plots.differences_by_task(rows, order),
            )
        )
    by_pair: dict[str, list[Twins]] = {}
    for two in two_arms:
        if two.sizes.size > 1:
            by_pair.setdefault(plots.contrast_name(two.pair.contrast, *two.pair.labels), []).append(two)
    for name, those in by_pair.items():
        caption = (
            f"{capital(name)}: the law of both arms’ average error, {100 * LEVEL:.0f} % intervals of it from "
            f"resampled seeds and test clips, to {NEAR:.0f} times the data, and where they cross: drawn where the "
            f"probability is at least {100 * CLAIMED:.0f} %, with its interval. Points joined by dots: nothing fitted."
        )
        found.append((f"crossover-{name}", caption, plots.crossover(those)))
    return [(_slug(name), caption, _png(figure)) for name, caption, figure in found]


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name)
