"""What the report's page says: tables and sentences as plain data for the templates."""

import base64
from dataclasses import dataclass
from importlib import resources
from statistics import NormalDist
from typing import Any

import jinja2
import numpy as np
import polars as pl

from scaling.analysis.claims.claim import ALL_TASKS, Claim, chance, covers, percent, points
from scaling.analysis.claims.evidence import Evidence
from scaling.analysis.claims.questions import question
from scaling.analysis.claims.trade import KIND, mixtures_said, trades
from scaling.analysis.claims.verdict import verdict
from scaling.analysis.curves.fit import BEYOND, LEVEL
from scaling.analysis.report import left_out
from scaling.analysis.report.contrasts import of_pair
from scaling.analysis.report.escapes import everywhere, markdown
from scaling.analysis.report.further import further
from scaling.analysis.report.look import ordered_references, reference_name
from scaling.analysis.report.method import method
from scaling.analysis.report.rates import rates_said
from scaling.analysis.report.trade_table import trade_tables
from scaling.analysis.scores.arms import arms, constants
from scaling.analysis.scores.design import Design
from scaling.analysis.scores.metrics import AXES, evaluation_axis, primary
from scaling.analysis.scores.rows import notes, references, reported, tasks, trained
from scaling.analysis.scores.words import Value, factor_name, metric_name, place, plain, thousands, unit

Row = dict[str, Any]
_NORMAL = NormalDist().inv_cdf((1 + LEVEL) / 2)


@dataclass(frozen=True)
class Picture:
    """A figure as it is written: the name of its file (without an ending), what it shows, and the PNG."""

    name: str
    caption: str
    png: bytes

    @property
    def width(self) -> int:
        """Pixels; they stand in the first chunk of every PNG."""
        return int.from_bytes(self.png[16:20])


def render(template: str, page: Row) -> bytes:
    """Fill one of the package's templates; what the page holds is text, and escaped."""
    source = resources.files("scaling.analysis.report").joinpath(template).read_text(encoding="utf-8")
    html = ".html" in template
    if not html:
        # In a block of code nothing is markup.
        page = everywhere(page, markdown) | {"command": page["command"]}
    environment = jinja2.Environment(
        autoescape=html, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )  # fmt: skip
    return environment.from_string(source).render(page).encode()


def content(
    known: Evidence, claims: list[Claim], curves: pl.DataFrame, table: pl.DataFrame, pictures: list[Picture],
    command: str,
) -> Row:  # fmt: skip
    """Everything the templates show.

    `table` is the curves' `summary_table`; `command` makes the report of an own table ("" for a study's).
    """
    design, scores, draws = known.design, known.scores, known.draws
    runs = trained(scores, design)
    sizes = runs["x"].unique().sort().to_list()
    n_seeds = int(draws.cells["n_seeds"].to_numpy().min())
    widest = max(one.width for one in pictures)
    return {
        "title": design.title,
        "question": design.question,
        "studies": ", ".join(scores["study"].unique().sort()),
        "constants": [f"{factor_name(name)} {level}" for name, level in constants(runs, design).items()],
        "axis": design.x.name,
        "unit": unit(design.x),
        "counts_clips": design.x.column == "clips",
        "law": design.x.scale == "log",
        "level": f"{100 * LEVEL:.0f} %",
        "beyond": BEYOND,
        "command": command,
        "method": [*method(n_seeds, curves, draws.paired, design.x), *rates_said(design)],
        "n_runs": runs["run"].n_unique(),
        "n_tasks": runs.filter(primary())["task"].n_unique(),
        "n_seeds": n_seeds,
        "n_sizes": len(sizes),
        "sizes": [plain(size) for size in sizes],
        "covers": covers(n_seeds),
        "protocol": " and ".join(runs["protocol"].unique().sort()),
        "verdict": [
            *verdict([claim for claim in claims if claim.kind != KIND], design, [task for task, _ in tasks(runs)]),
            *mixtures_said(claims),
            *left_out.not_compared(draws.cells, design),
        ],
        "answers": _answers(claims, design),
        "further": further(known, claims),
        "errors": [_errors(known, sizes, axis) for axis in _axes(known)],
        "reported": _reported(known, sizes),
        "scopes": _scopes(known),
        "trades": trade_tables(trades(draws, design), design),
        "curves": _curves(table),
        "statuses": [
            (status, n) for status, n in curves["status"].value_counts().sort("count", "status", descending=True).rows()
        ],
        "n_curves": curves.height,
        "exponent_width": _exponent_width(curves),
        "amounts": _amounts(runs),
        "excluded": left_out.excluded(scores),
        "n_excluded": int(scores["excluded"].sum()),
        "n_scores": scores.height,
        "notes": notes(scores).rows(named=True),
        "gaps": left_out.lacking(scores, design),
        "unmatched": left_out.unmatched(draws),
        "zeros": left_out.zeros(draws.cells, design),
                "figures": [
            {"name": one.name, "caption": one.caption, "data": base64.b64encode(one.png).decode(),
             "share": round(one.width / widest, 3)}
            for one in pictures
        ],
    }  # fmt: skip


def _answers(claims: list[Claim], design: Design) -> list[tuple[str, list[Row]]]:
    """Claims about all tasks by the question they answer: what each says, and whether it is said."""
    found: dict[str, list[Row]] = {}
    for claim in claims:
        if claim.scope == ALL_TASKS:
            told = {"sentence": claim.sentence, "status": claim.status}
            found.setdefault(question(claim, design), []).append(told)
    return list(found.items())


def _axes(known: Evidence) -> list[str]:
    """The axes of evaluation that the study has, in the order in which they are shown."""
    there = known.draws.cells.filter(primary()).select(evaluation_axis().alias("axis"))["axis"].unique().to_list()
    return [axis for axis in AXES if axis in there]


def _errors(known: Evidence, sizes: list[Value], axis: str) -> Row:
    """Average error of every arm by size on one axis of evaluation, then the references."""
    main = known.draws.cells.filter(primary(), evaluation_axis() == axis)
    n = main["task"].n_unique()
    rows: list[Row] = []
    for arm in arms(main, known.design):
        mine = main.filter(arm.rows())
        values = []
        for size in sizes:
            here = mine.filter(pl.col("x") == size)["raw"]
            values.append(percent(float(np.mean(here.to_numpy()))) if len(here) == n else "–")
        rows.append({"name": arm.name, "values": values})
    levels = references(known.scores).filter(primary(), evaluation_axis() == axis).group_by("reference")
    seen = {
        name: (error, kinds)
        for name, error, kinds, tasks in levels.agg(pl.col("error").mean(), pl.col("kinds").max(), pl.len()).rows()
        if tasks == n
    }
    for name in ordered_references(set(seen)):
        rows.append({"name": reference_name(name, seen[name][1]), "level": percent(seen[name][0])})
    measures = ", ".join(metric_name(metric) for metric in main["metric"].unique().sort())
    return {"axis": axis, "n": n, "measures": measures, "rows": rows}


def _reported(known: Evidence, sizes: list[Value]) -> list[Row]:
    """Metrics that no curve is fitted to: the mean over seeds by size, and its interval from test clips and seeds."""
    scores, design = reported(known.scores), known.design
    rows: list[Row] = []
    scores = scores.with_columns(pl.col(design.x.column).alias("x"))
    spread = pl.col("value").var().fill_null(0) / pl.len() + pl.col("stderr").fill_null(0).pow(2).mean()
    for arm in arms(scores, design) if not scores.is_empty() else []:
        mine = scores.filter(arm.rows()).group_by("task", "pooling", "metric", "x")
        table = mine.agg(pl.col("value").mean(), spread.sqrt().alias("stderr")).sort("task", "metric", "pooling")
        for (task, metric, pooling), part in table.group_by("task", "metric", "pooling", maintain_order=True):
            there = {x: (value, stderr) for x, value, stderr in part.select("x", "value", "stderr").iter_rows()}
            cells = []
            for size in sizes:
                value, stderr = there.get(size, (None, 0.0))
                cells.append("–" if value is None else f"{value:.3f} ± {_NORMAL * stderr:.3f}")
            told = f"{task}, {metric_name(metric)}" + ("" if pooling == "text" else f", {pooling}")
            rows.append({"task": told, "arm": arm.name, "values": cells})
    return sorted(rows, key=lambda row: row["task"])


def _scopes(known: Evidence) -> Row:
    """Differences at each pair's largest size: rows are scopes, columns are pairs."""
    axis = known.design.x
    averages = known.differences.table.filter(pl.col("kind") == "average")
    parts, heads = [], []
    for pair in known.pairs:
        rows = averages.filter(of_pair(pair))
        if not rows.is_empty():
            parts.append(rows.filter(pl.col("x") == pl.col("x").max()))
            heads.append({"title": pair.name, "held": pair.held, "at": place(axis, parts[-1]["x"][0])})
    cells: dict[str, list[Row | None]] = {}
    for scope in averages["scope"].unique(maintain_order=True):
        found = [rows.filter(pl.col("scope") == scope).rows(named=True) for rows in parts]
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
    sizes = [thousands(float(size)) for size in row["missing"].split()]
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
    """What each place on the axis holds, and how often training passed over it."""

    def span(values: pl.Series, digits: int) -> str:
        if values.null_count():
            return "–"
        low, high = (f"{float(v):,.{digits}f}" for v in (values.to_numpy().min(), values.to_numpy().max()))
        return low if low == high else f"{low} to {high}"

    table = runs.unique("run").sort("x", "run")
    return [
        {
            "size": plain(part["x"][0]), "clips": span(part["clips"], 0), "captions": span(part["captions"], 0),
            "hours": span(part["hours"], 2 if (part["hours"].fill_null(0) < 10).all() else 0),
            "samples": span(part["samples_seen"], 0), "passes": span(part["epochs"], 1),
            "parameters": span(part["parameters"], 0), "runs": part.height, "seeds": part["seed"].n_unique(),
        }
        for part in table.partition_by("x", maintain_order=True)
    ]  # fmt: skip
