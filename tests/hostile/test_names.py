"""A study and a table whose every name is hostile: what is made of them is text in every format, and no markup,
formula, command or control."""

import csv
import io
import json
import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from itertools import count
from pathlib import Path

import polars as pl
import pytest
from fake_study import CLIPS, Maker, describe
from matplotlib.cbook import is_math_text

from scaling.analysis.report.escapes import command, drawn, latex, markdown
from scaling.analysis.report.write import write_report, write_table_report
from scaling.analysis.scores import Axis, Design, Factor, read_study
from scaling.analysis.scores.csv_file import csv_bytes, guarded, read_csv, unguarded
from scaling.analysis.scores.own_table import read_table
from scaling.errors import steers, visible

SCRIPT = "<script>alert('x')</script>"
NAMES = [
    SCRIPT, '"><img src=x onerror=alert(1)>', "=cmd|' /C calc'!A0", "@SUM(1+9)*cmd", "+1|2", "-2+3", "'=quoted",
    "$\\frac{x}$", "a $x^2 and $", "\\end{table}\\input{/etc/passwd}", "100 % & #1 {b} ~^", "__init__", "_hidden",
    "![x](javascript:alert(1))", "[a](b)", "`rm -rf ~`", "a|b||c", "# head", "1. one", "> said", "---", "&lt;b&gt;",
    "\x1b[2J\x1b]0;owned\x07", "two\nlines\r\n# three", "nul\0byte", "\u202edlog.exe", "[red]bold[/red]", "{{ 7*7 }}",
    "{% raw %}", "; rm x", "$(touch x)", "音声 😀", "a" * 200,
]  # fmt: skip
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a study in which every name, note and reason is one of the hostile ones."""
    folder = tmp_path_factory.mktemp("names") / "study"
    levels = tuple(NAMES[:2])
    design = Design(
        NAMES[22], f"Which? {SCRIPT} {NAMES[13]}", (replace(CLIPS, name=NAMES[8], unit=NAMES[10]),),
        (Factor("objective", levels), Factor("initialization", tuple(NAMES[6:8]), NAMES[6])),
    )  # fmt: skip
    maker = Maker(design, 0.02, ["speaker", "mode", "event"])
    runs = count()
    for first in levels:
        for second in NAMES[6:8]:
            for clips in (400, 1000, 4000, 10000):
                told = {"objective": first, "initialization": second, "clips": clips}
                run = describe(f"run{next(runs)} $x <b>", 0, told)
                for task in maker.tasks:
                    maker.add(run, task, "mean", "accuracy", 0.1 + 2 * (1 + len(first)) * clips**-0.5)
    maker.references()
    maker.write(folder)
    path = folder / "report" / "scores.parquet"
    table = pl.read_parquet(path)
    tasks = dict(zip(maker.tasks, (NAMES[2], NAMES[23], NAMES[11]), strict=True))
    domains = dict(zip(("speech", "music", "environment"), (NAMES[9], NAMES[25], NAMES[16]), strict=True))
    table = table.with_columns(
        pl.col("task").replace(tasks), pl.col("domain").replace(domains), protocol=pl.lit(NAMES[13]),
        study=pl.lit(NAMES[3]), metric=pl.lit(NAMES[5]), note=pl.lit(NAMES[22]), reason=pl.lit(NAMES[14]),
        excluded=pl.col("clips") == 1000,
    )  # fmt: skip
    table.write_parquet(path)
    shutil.rmtree(folder / "runs")
    write_report(folder)
    return folder / "report"


class Page(HTMLParser):
    """The elements, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.sources: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_holds_text(reported: Path) -> None:
    page = Page((reported / "report.html").read_text())
    assert page.elements <= {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "h1",
        "h2",
        "h3",
        "p",
        "section",
        "strong",
        "div",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "small",
        "details",
        "summary",
        "ul",
        "li",
        "figure",
        "figcaption",
        "img",
        "span",
        "sup",
        "code",
        "pre",
        "a",
    }
    assert page.attributes <= {"lang", "charset", "name", "content", "class", "colspan", "alt", "style", "src", "href"}
    assert all(source == "card.md" or source.startswith("data:image/png;base64,") for source in page.sources)
    for name in (SCRIPT, NAMES[1], NAMES[2], NAMES[13], NAMES[14], visible(NAMES[22]), visible(NAMES[23])):
        assert name in page.text


def test_markdown_holds_text(reported: Path) -> None:
    text = (reported / "report.md").read_text()
    assert "<" not in text
    assert "{{" not in text.replace("{{ 7*7 }}", "")
    assert len(re.findall(r"!\[", text)) == len(list((reported / "figures").iterdir()))
    assert set(re.findall(r"\]\(([^)]*)\)", text.replace("\\](", ""))) == {
        f"figures/{path.name}" for path in (reported / "figures").iterdir()
    }
    ours = r"# \\\\x1b|## (Summary|Task|Method|Curves|Protocol|How|.*\\?|Has|Is|Does)"
    assert [line for line in text.splitlines() if line.startswith("#") and not re.match(ours, line)] == []
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert len(tables) > 3
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_no_cell_is_a_formula_and_what_is_read_again_is_what_was_written(reported: Path) -> None:
    for path in reported.glob("*.csv"):
        for line in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")):
            for name, cell in line.items():
                number = re.fullmatch(r"-?[\d.]+(e[+-]?\d+)?", cell)
                assert number or not cell.startswith(tuple("=+-@\t\r")), (path, name, cell)
    scores, design = read_study(reported.parent)
    again, _ = read_table(reported / "scores.csv", factors=tuple(factor.name for factor in design.factors))
    for column in ("task", "domain", "metric", "protocol", "objective", "initialization", "note", "reason", "run"):
        assert set(again[column]) == set(scores[column]), column


def test_a_guarded_cell_comes_back(tmp_path: Path) -> None:
    cells = [*NAMES, "'", "''=x", "\t=1", "\r=1", "@", "=", "-", "é"]
    table = pl.DataFrame({"=name": cells, "number": range(len(cells))})
    (tmp_path / "t.csv").write_bytes(csv_bytes(table))
    assert read_csv(tmp_path / "t.csv", lambda names: names)["=name"].to_list() == cells
    for cell in cells:
        assert unguarded(guarded(cell)) == cell
        assert not guarded(cell).startswith(tuple("=+-@\t\r"))


def test_latex_is_whole(reported: Path) -> None:
    text = (reported / "curves.tex").read_text()
    bare = re.sub(r"\\[\\{}$&%#_^~]", "", text)
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    assert set(re.findall(r"\\(?:begin|end|input|include|write|def)\b\{?\w*", text)) == {
        r"\begin{table", r"\end{table", r"\begin{tabular", r"\end{tabular"
    }  # fmt: skip
    rows = [line for line in re.sub(r"\\[&\\]", "", text).splitlines() if line.startswith(r"\quad")]
    assert rows
    assert {line.count("&") for line in rows} == {5}


def test_nothing_steers_a_terminal(reported: Path) -> None:
    for path in reported.iterdir():
        if path.suffix in (".md", ".html", ".csv", ".tex", ".json"):
            assert not CONTROL.search(path.read_text(encoding="utf-8")), path
    assert len(json.loads((reported / "claims.json").read_text())) > 3


@pytest.mark.parametrize("name", NAMES)
def test_each_format_takes_a_name_as_text(name: str) -> None:
    assert not is_math_text(drawn(name))
    assert not drawn(name).startswith("_")
    line = visible(name)
    assert not steers(line)
    assert len(line.splitlines()) == 1
    told = markdown(line)
    assert "<" not in told
    assert not re.search(r"(?<!\\)[*\[\]`|~$]", told)
    assert not re.match(r"[#>]|[-+=] |---|\d+\. ", told)
    assert not re.search(r"(?<!\\)[&%#_^~](?![a-z]*\{\})", latex(line).replace(r"\textasciicircum{}", ""))
    assert shlex.split(command("scaling", "report", line)) == ["scaling", "report", line]


@pytest.mark.parametrize("name", [name for name in NAMES if "\0" not in name])
def test_a_copied_command_gives_the_shell_the_name(name: str) -> None:
    done = subprocess.run(["bash", "-c", command("printf", "%s", name)], capture_output=True, check=True)
    assert done.stdout.decode() == name
    assert not steers(command(name))


@pytest.mark.parametrize(
    "plain", ["esc50", "from scratch", "mean of 9, 3 %", "AdamW (3e-4)", "a→b", "gtzan_fold-1", "−3.1"]
)
def test_plain_names_stay_as_they_are(plain: str) -> None:
    assert markdown(plain) == drawn(plain) == guarded(plain) == visible(plain) == plain


def test_a_table_with_a_hostile_name_and_hostile_columns(tmp_path: Path) -> None:
    path = tmp_path / "-$(touch x) 'q' <b>.csv"
    rows = [
        {"=arm <b>": arm, "$size": size, "task": "t", "metric": "accuracy", "value": 1 - level * size**-0.4}
        for arm, level in (("_a", 2), ("_b", 3))
        for size in (100, 1000, 10000)
    ]
    path.write_bytes(csv_bytes(pl.DataFrame(rows)))
    write_table_report(path, tmp_path / "out", "$size", ("=arm <b>",))
    text = (tmp_path / "out" / "report" / "report.md").read_text()
    told = shlex.split(text.rpartition("\n    ")[2])
    assert told == ["scaling", "report", f"./{path.name}", "--axis", "$size", "--factors", "=arm <b>"]
    assert "<" not in text.rpartition("\n    ")[0]


def test_the_axis_of_a_design_is_told_as_text() -> None:
    axis = Axis("clips", NAMES[8], NAMES[10])
    assert not is_math_text(drawn(axis.name))
