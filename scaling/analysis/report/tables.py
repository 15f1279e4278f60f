"""The fitted curves as tables: for a spreadsheet (CSV) and for a paper (LaTeX)."""

from typing import Any

import polars as pl

from scaling.analysis.curves.fit import BEYOND, LEVEL
from scaling.analysis.report.escapes import latex
from scaling.analysis.scores.arms import arms
from scaling.analysis.scores.design import Axis, Design
from scaling.analysis.scores.metrics import primary
from scaling.analysis.scores.rows import gaps, tasks
from scaling.analysis.scores.schema import Columns
from scaling.analysis.scores.words import Value, capital, metric_name, unit

Row = dict[str, Any]
NUMBERS = ("E", "a", "at_largest", "beyond", "held_out")  # with their intervals, `_low` and `_high`
_ENDS = ("", "_low", "_high")
_COLUMNS: Columns = {
    **dict.fromkeys(["task", "domain", "metric", "arm", "protocol"], pl.String),
    **dict.fromkeys(["passes_smallest", "passes_largest"], pl.Float64),
    **dict.fromkeys(["n_seeds", "n_sizes"], pl.Int64),
    **dict.fromkeys(["missing", "status"], pl.String),
    **dict.fromkeys([*(f"{name}{end}" for name in NUMBERS for end in _ENDS), "level"], pl.Float64),
}  # fmt: skip
_HEAD = r"""% Needs \usepackage{booktabs}. Written by `scaling report`.
"""


def summary_table(curves: pl.DataFrame, scores: pl.DataFrame, design: Design) -> pl.DataFrame:
    """One row a curve of a primary metric, in the order in which reports show them.

    Columns: task, domain, metric, arm, protocol, passes_smallest, passes_largest, n_seeds, n_sizes, missing (sizes that
    other arms have, space-separated), status, `NUMBERS` with `_low` and `_high` (level `fit.LEVEL`), level. Errors and
    offsets are shares; `beyond` is at `fit.BEYOND` times the largest size, `held_out` the largest size as the smaller
    ones predict it.
    """
    main, lacking = curves.filter(primary()), gaps(scores, design)
    rows: list[Row] = []
    for task, _ in tasks(main):
        for arm in arms(main, design):
            missing = lacking.filter(arm.rows(), pl.col("task") == task)["missing"].to_list()
            for row in main.filter(arm.rows(), pl.col("task") == task).iter_rows(named=True):
                rows.append(_summary(row, arm.name, missing[0] if missing else []))
    return pl.DataFrame(rows, _COLUMNS)


def _summary(row: Row, arm: str, missing: list[Value]) -> Row:
    kept = ("task", "domain", "protocol", "passes_smallest", "passes_largest", "n_seeds", "n_sizes", "status", "level")
    numbers = {f"{name}{end}": row[f"{name}{end}"] for name in NUMBERS for end in _ENDS}
    if row["form"] == "constant":
        numbers |= dict.fromkeys(["a", "a_low", "a_high"])
    told = {"metric": metric_name(row["metric"]), "arm": arm, "missing": " ".join(str(size) for size in missing)}
    return {**{key: row[key] for key in kept}, **told, **numbers}


def latex_tables(table: pl.DataFrame, covers: str, axis: Axis) -> str:
    """`summary_table` as LaTeX tables, one a domain; errors in percent, intervals small behind their numbers.

    Args:
        covers: the noise that the intervals know of.
    """
    return _HEAD + "".join(
        _one_domain(part, covers, axis) for part in table.partition_by("domain", maintain_order=True)
    )


def _one_domain(table: pl.DataFrame, covers: str, axis: Axis) -> str:
    domain = table["domain"][0]
    protocols = " and ".join(table["protocol"].unique(maintain_order=True))
    counted = latex(unit(axis))
    lines = [
        r"\begin{table}", r"\centering\small\setlength{\tabcolsep}{4pt}",
        rf"\caption{{{latex(capital(domain))}: fitted curves, error $= E + A\,\mbox{{{counted}}}^{{-a}}$, in \%. "
        rf"Errors at the largest size and at {BEYOND} times it are predictions pooled over laws and windows of sizes; "
        rf"\emph{{held out}} is the largest size as the smaller ones predict it. Brackets: {100 * LEVEL:.0f}\,\% "
        rf"intervals ({latex(covers)}). Protocol: {latex(protocols)}.}}",
        rf"\label{{tab:curves-{''.join(c if c.isalnum() else '-' for c in domain)}}}",
        r"\begin{tabular}{@{}lrrrrr@{}}", r"\toprule",
        rf" & exponent $a$ & offset $E$ & largest & {BEYOND}$\times$ & held out \\",
    ]  # fmt: skip
    for part in table.partition_by("task", maintain_order=True):
        task, metric = part.select("task", "metric").row(0)
        lines += [r"\midrule", rf"\multicolumn{{6}}{{@{{}}l}}{{\emph{{{latex(task)}}} ($1-{{}}$\,{latex(metric)})}} \\"]
        for row in part.iter_rows(named=True):
            cells = [_number(row, "a", 1, 2), *(_number(row, name, 100, 1) for name in ("E", *NUMBERS[2:]))]
            status = "" if row["status"] == "converged" else rf" \footnotesize({latex(row['status'])})"
            lines.append(rf"\quad {latex(row['arm'])}{status} & {' & '.join(cells)} \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", "", ""])


def _number(row: Row, name: str, scale: float, digits: int) -> str:
    value, low, high = (row[f"{name}{end}"] for end in _ENDS)
    if value is None:
        return "--"
    text = f"{scale * value:.{digits}f}"
    if low is None:
        return text
    return rf"{text}\,{{\scriptsize[{scale * low:.{digits}f}, {scale * high:.{digits}f}]}}"
