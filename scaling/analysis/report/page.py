"""What the report's page says: tables and sentences as plain data for the templates."""

import base64
from importlib import resources
from typing import Any

import jinja2
import numpy as np
import polars as pl

from scaling.analysis.claims.beyond import ALL, QUESTIONS
from scaling.analysis.claims.claim import Claim, chance, covers, percent, points
from scaling.analysis.claims.differences import PAIR, Differences
from scaling.analysis.claims.verdict import verdict
from scaling.analysis.curves.fit import BEYOND, LEVEL
from scaling.analysis.report.figures import contrast_name
from scaling.analysis.report.look import REFERENCE_NAMES
from scaling.analysis.report.method import method
from scaling.analysis.scores.resamples import Draws
from scaling.analysis.scores.scores import (
    ARM,
    REFERENCES,
    arm_names,
    gaps,
    metric_name,
    primary,
    references,
    thousands,
    trained,
)

Row = dict[str, Any]


def render(template: str, page: Row) -> bytes:
    """Fill one of the package's templates (HTML is escaped)."""
    source = resources.files("scaling.analysis.report").joinpath(template).read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=".html" in template, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )  # fmt: skip
    return environment.from_string(source).render(page).encode()


def content(
    scores: pl.DataFrame,
    curves: pl.DataFrame,
    table: pl.DataFrame,
    draws: Draws,
    diffs: Differences,
    claims: list[Claim],
    figures: list[tuple[str, str, bytes]],
    source: str,
) -> Row:
    """Everything the templates show.

    `table` is the curves' `summary_table`, `figures` are (file name, caption, PNG), `source` is an own table's name.
    """
    runs = trained(scores)
    sizes = runs["clips"].unique().sort().to_list()
    n_seeds = int(draws.cells["n_seeds"].to_numpy().min())
    overall = [claim for claim in claims if claim.evidence["scope"] == ALL]
    return {
        "study": ", ".join(scores["study"].unique().sort()),
        "level": f"{100 * LEVEL:.0f} %",
        "beyond": BEYOND,
        "source": source,
        "method": method(n_seeds, curves, draws.paired),
        "n_runs": runs["run"].n_unique(),
        "n_tasks": runs.filter(primary())["task"].n_unique(),
        "n_seeds": n_seeds,
        "n_sizes": len(sizes),
        "sizes": [thousands(size) for size in sizes],
        "covers": covers(n_seeds),
        "protocol": " and ".join(runs["protocol"].unique().sort()),
        "verdict": verdict(claims),
        "answers": [
            (question, [claim for claim in overall if claim.question == question])
            for question in QUESTIONS
            if any(claim.question == question for claim in overall)
        ],
        "errors": _errors(scores, draws.cells, sizes),
        "scopes": _scopes(diffs.table),
        "curves": _curves(table),
        "statuses": [
            (status, n) for status, n in curves["status"].value_counts().sort("count", "status", descending=True).rows()
        ],
        "n_curves": curves.height,
        "exponent_width": _exponent_width(curves),
        "amounts": _amounts(runs),
        "excluded": _excluded(scores),
        "n_excluded": int(scores["excluded"].sum()),
        "n_scores": scores.height,
        "gaps": _gaps(scores),
        "unmatched": _grouped(draws.unmatched),
        "zeros": _zeros(draws.cells),
        "measures": ", ".join(metric_name(m) for m in runs.filter(primary())["metric"].unique().sort()),
        "figures": [
            {"name": name, "caption": caption, "data": base64.b64encode(png).decode(),
             "share": round(_width(png) / max(_width(other) for _, _, other in figures), 3)}
            for name, caption, png in figures
        ],
    }  # fmt: skip


def _width(png: bytes) -> int:
    """Pixels; they stand in the first chunk of every PNG."""
    return int.from_bytes(png[16:20])


def _errors(scores: pl.DataFrame, cells: pl.DataFrame, sizes: list[int]) -> list[Row]:
    """Average error of every arm by size, then the references."""
    main = cells.filter(primary())
    n = main["task"].n_unique()
    rows = []
    for arm, name in arm_names(main).items():
        mine = main.filter(pl.struct(ARM) == dict(zip(ARM, arm, strict=True)))
        values = []
        for size in sizes:
            here = mine.filter(pl.col("clips") == size)["raw"]
            values.append(percent(float(np.mean(here.to_numpy()))) if len(here) == n else "–")
        rows.append({"name": name, "values": values})
    levels = references(scores).filter(primary()).group_by("reference").agg(pl.col("error").mean(), pl.len())
    known = {name: error for name, error, tasks_seen in levels.rows() if tasks_seen == n}
    rows += [{"name": REFERENCE_NAMES[name], "level": percent(known[name])} for name in REFERENCES if name in known]
    return rows


def _scopes(table: pl.DataFrame) -> Row:
    """Differences at each pair's largest size: rows are scopes, columns are pairs."""
    averages = table.filter(pl.col("kind") == "average")
    pairs = averages.partition_by(PAIR, maintain_order=True)
    pairs = [pair.filter(pl.col("clips") == pl.col("clips").max()) for pair in pairs]
    heads = [
        {"title": contrast_name(*pair.select("contrast", "arm", "other").row(0)), "held": pair["held"][0],
         "clips": thousands(pair["clips"][0])}
        for pair in pairs
    ]  # fmt: skip
    cells: dict[str, list[Row | None]] = {}
    for scope in averages["scope"].unique(maintain_order=True):
        found = [pair.filter(pl.col("scope") == scope).rows(named=True) for pair in pairs]
        cells[scope] = [_difference(rows[0]) if rows else None for rows in found]
    return {"heads": heads, "rows": list(cells.items())}


def _difference(row: Row) -> Row:
    known = bool(np.isfinite(row["low"]))
    return {
        "number": points(row["difference"]),
        "interval": f"{points(row['low'])} to {points(row['high'])}" if known else "unknown",
        "probability": chance(row["probability"]) if known else "",
        "sure": known and (row["low"] > 0 or row["high"] < 0),
    }


def _curves(table: pl.DataFrame) -> list[Row]:
    """The rows of `summary_table`, in words."""
    return [
        {
            "task": row["task"], "metric": row["metric"], "arm": row["arm"], "status": _status(row),
            "protocol": row["protocol"], "passes": _passes(row),
            "offset": _with_interval(row, "E", 100, " %"), "exponent": _with_interval(row, "a", 1, ""),
            "at_largest": _with_interval(row, "at_largest", 100, " %"),
            "beyond": _with_interval(row, "beyond", 100, " %"),
            "held_out": _with_interval(row, "held_out", 100, " %"),
        }
        for row in table.iter_rows(named=True)
    ]  # fmt: skip


def _status(row: Row) -> str:
    sizes = [thousands(int(size)) for size in row["missing"].split()]
    return f"{row['status']}; no score at {', '.join(sizes)}" if sizes else str(row["status"])


def _passes(row: Row) -> str:
    """Passes over the data, at the smallest and at the largest size."""
    ends = [row[name] for name in ("passes_smallest", "passes_largest")]
    if None in ends:
        return "unknown"
    first, last = (f"{end:,.3g}" if end < 100 else f"{end:,.0f}" for end in ends)
    return first if first == last else f"{first} to {last}"


def _with_interval(row: Row, name: str, scale: float, unit: str) -> tuple[str, str]:
    """A number and its interval, each empty where it is unknown."""
    if row[name] is None:
        return "–", ""
    digits = 1 if unit else 2
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    interval = f"{scale * low:.{digits}f} to {scale * high:.{digits}f}" if low is not None else ""
    return f"{scale * row[name]:.{digits}f}{unit}", interval


def _exponent_width(curves: pl.DataFrame) -> str:
    """How well the data knows the exponents: typical ends of their intervals."""
    fitted = curves.filter(primary(), pl.col("form") == "E + A x^-a", pl.col("a_low").is_not_null())
    if fitted.is_empty():
        return ""
    low, a, high = (float(np.median(fitted[name].to_numpy())) for name in ("a_low", "a", "a_high"))
    return f"{low:.2f} to {high:.2f} around {a:.2f}"


def _amounts(runs: pl.DataFrame) -> list[Row]:
    """What each size holds, and how often training passed over it."""

    def span(values: pl.Series, digits: int) -> str:
        if values.null_count():
            return "–"
        low, high = (f"{float(v):,.{digits}f}" for v in (values.to_numpy().min(), values.to_numpy().max()))
        return low if low == high else f"{low} to {high}"

    table = runs.unique("run").sort("clips", "run")
    return [
        {
            "clips": thousands(part["clips"][0]), "captions": span(part["captions"], 0),
            "hours": span(part["hours"], 2 if (part["hours"].fill_null(0) < 10).all() else 0),
            "samples": span(part["samples_seen"], 0), "passes": span(part["epochs"], 1), "runs": part.height,
            "seeds": part["seed"].n_unique(),
        }
        for part in table.partition_by("clips", maintain_order=True)
    ]  # fmt: skip


def _excluded(scores: pl.DataFrame) -> list[Row]:
    rows = scores.filter(pl.col("excluded")).group_by("run", "reason").agg(pl.len(), pl.col("task").unique().sort())
    return [
        {"run": run, "reason": reason or "no reason given", "n": n, "tasks": ", ".join(names)}
        for run, reason, n, names in rows.sort("run", "reason").rows()
    ]


def _gaps(scores: pl.DataFrame) -> list[Row]:
    """Which arms have no score at which sizes, grouped by the tasks that lack the same."""
    found = gaps(scores)
    names = arm_names(trained(scores))
    groups: dict[tuple[str, str], list[str]] = {}
    for *arm, task, missing in found.select(*ARM, "task", "missing").iter_rows():
        sizes = ", ".join(thousands(size) for size in missing)
        groups.setdefault((names[tuple(arm)], sizes), []).append(task)
    return [{"arm": arm, "sizes": sizes, "tasks": ", ".join(panels)} for (arm, sizes), panels in groups.items()]


def _grouped(unmatched: list[tuple[str, str, str]]) -> list[Row]:
    groups: dict[tuple[str, str], list[str]] = {}
    for run, task, reason in unmatched:
        groups.setdefault((run, reason), []).append(task)
    return [{"run": run, "reason": why, "tasks": ", ".join(names)} for (run, why), names in groups.items()]


def _zeros(cells: pl.DataFrame) -> list[str]:
    rows = cells.filter("zero").select("objective", "audio_init", "clips", "task", "metric").unique().sort(pl.all())
    return [
        f"{objective}, {init}, {thousands(clips)} clips: {task} ({metric_name(metric)})"
        for objective, init, clips, task, metric in rows.rows()
    ]
