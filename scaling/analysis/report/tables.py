"""The fitted curves as tables: for a spreadsheet (CSV) and for a paper (LaTeX)."""

from typing import Any

import polars as pl

from scaling.analysis.curves.fit import BEYOND, LEVEL
from scaling.analysis.scores.scores import ARM, arm_names, capital, gaps, metric_name, primary, tasks

Row = dict[str, Any]
NUMBERS = ("E", "a", "at_largest", "beyond", "held_out")  # with their intervals, `_low` and `_high`
_SPECIAL = str.maketrans({
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "→": r"$\to$", "−": "$-$", "½": r"$\frac12$",
})  # fmt: skip
_HEAD = r"""% Needs \usepackage{booktabs}. Written by `scaling report`.
"""


def summary_table(curves: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """One row a curve of a primary metric, in the order in which reports show them.

    Columns: task, domain, metric, arm, protocol, passes_smallest, passes_largest, n_seeds, n_sizes, missing (sizes that
    other arms have, space-separated), status, `NUMBERS` with `_low` and `_high` (level `fit.LEVEL`), level. Errors and
    offsets are shares; `beyond` is at `fit.BEYOND` times the largest size, `held_out` the largest size as the smaller
    ones predict it.
    """
    main = curves.filter(primary())
    names = arm_names(main)
    order = [task for task, _ in tasks(main)]
    lacking = {tuple(row[:-1]): row[-1] for row in gaps(scores).select(*ARM, "task", "missing").iter_rows()}
    rows = []
    for row in main.iter_rows(named=True):
        arm = tuple(str(row[key]) for key in ARM)
        kept = ("task", "domain", "protocol", "passes_smallest", "passes_largest", "n_seeds", "n_sizes", "status")
        missing = " ".join(str(size) for size in lacking.get((*arm, row["task"]), []))
        numbers = {f"{name}{end}": row[f"{name}{end}"] for name in NUMBERS for end in ("", "_low", "_high")}
        place = order.index(row["task"]), list(names).index(arm)
        if row["form"] == "constant":
            numbers |= dict.fromkeys(["a", "a_low", "a_high"])
        rows.append((place, {**{key: row[key] for key in kept}, "metric": metric_name(row["metric"]),
                             "arm": names[arm], "missing": missing, **numbers, "level": row["level"]}))  # fmt: skip
    ordered = [row for _, row in sorted(rows, key=lambda entry: entry[0])]
    table = pl.DataFrame(ordered, infer_schema_length=None)
    first = ["task", "domain", "metric", "arm", "protocol", "passes_smallest", "passes_largest", "n_seeds", "n_sizes"]
    return table.select(*first, "missing", pl.exclude([*first, "missing"]))


def latex(table: pl.DataFrame, covers: str) -> str:
    """`summary_table` as LaTeX tables, one a domain; errors in percent, intervals small behind their numbers.

    Args:
        covers: the noise that the intervals know of.
    """
    return _HEAD + "".join(_one_domain(part, covers) for part in table.partition_by("domain", maintain_order=True))


def _one_domain(table: pl.DataFrame, covers: str) -> str:
    domain = table["domain"][0]
    protocols = " and ".join(table["protocol"].unique(maintain_order=True))
    lines = [
        r"\begin{table}", r"\centering\small\setlength{\tabcolsep}{4pt}",
        rf"\caption{{{_tex(capital(domain))}: fitted curves, error $= E + A\,\mathrm{{clips}}^{{-a}}$, in \%. "
        rf"Errors at the largest size and at {BEYOND} times it are predictions pooled over laws and windows of sizes; "
        rf"\emph{{held out}} is the largest size as the smaller ones predict it. Brackets: {100 * LEVEL:.0f}\,\% "
        rf"intervals ({_tex(covers)}). Protocol: {_tex(protocols)}.}}",
        rf"\label{{tab:curves-{''.join(c if c.isalnum() else '-' for c in domain)}}}",
        r"\begin{tabular}{@{}lrrrrr@{}}", r"\toprule",
        rf" & exponent $a$ & offset $E$ & largest & {BEYOND}$\times$ & held out \\",
    ]  # fmt: skip
    for part in table.partition_by("task", maintain_order=True):
        task, metric = part.select("task", "metric").row(0)
        lines += [r"\midrule", rf"\multicolumn{{6}}{{@{{}}l}}{{\emph{{{_tex(task)}}} ($1-{{}}$\,{_tex(metric)})}} \\"]
        for row in part.iter_rows(named=True):
            cells = [_number(row, "a", 1, 2), *(_number(row, name, 100, 1) for name in ("E", *NUMBERS[2:]))]
            status = "" if row["status"] == "converged" else rf" \footnotesize({_tex(row['status'])})"
            lines.append(rf"\quad {_tex(row['arm'])}{status} & {' & '.join(cells)} \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", "", ""])


def _number(row: Row, name: str, scale: float, digits: int) -> str:
    value, low, high = (row[f"{name}{end}"] for end in ("", "_low", "_high"))
    if value is None:
        return "--"
    text = f"{scale * value:.{digits}f}"
    if low is None:
        return text
    return rf"{text}\,{{\scriptsize[{scale * low:.{digits}f}, {scale * high:.{digits}f}]}}"


def _tex(text: str) -> str:
    return text.translate(_SPECIAL)
