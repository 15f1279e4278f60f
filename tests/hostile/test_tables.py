"""Tables of scores that a person might hand over, one odd thing each, with what becomes of it: a line that names the
file, the place and the way out, or the right number."""

import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from scaling.analysis.report.write import write_table_report
from scaling.analysis.scores.own_table import read_table
from scaling.analysis.scores.parquet_file import read_parquet
from scaling.errors import StudyError

HEADER = "objective,clips,task,metric,value"
ROWS = [f"{arm},{clips},esc50,accuracy,{value}" for arm, value in (("a", 0.5), ("b", 0.6)) for clips in (100, 1000)]


def lines(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *rows, ""]).encode()


def cell(column: str, value: str) -> bytes:
    """The good table with one cell of its first row, in a column of its own where it has none, replaced."""
    names = HEADER.split(",")
    if column in names:
        first = ROWS[0].split(",")
        first[names.index(column)] = value
        return lines(",".join(first), *ROWS[1:])
    fill = {"excluded": "false", "seed": "0", "n_test": "100"}.get(column, "")
    return lines(f"{ROWS[0]},{value}", *(f"{row},{fill}" for row in ROWS[1:]), header=f"{HEADER},{column}")


REFUSED: list[tuple[str, bytes]] = [
    *((f"row 1.*{column}", cell(column, value)) for column, value in (
        ("excluded", "maybe"), ("excluded", "2"), ("clips", "100.7"), ("clips", "5000000000000000.5"),
        ("clips", "1e-400"), ("clips", "-5"), ("clips", "inf"),
        ("clips", "many"), ("clips", "1" * 400), ("stderr", "inf"),
        ("stderr", "-0.1"), ("epochs", "-1"), ("epochs", "inf"), ("samples_seen", "-7"), ("parameters", "-1"),
        ("seed", "0.5"), ("seed", str(2**63)), ("seed", "x"), ("n_test", "-3"), ("n_test", "2.5"),
        ("value", "nan"), ("value", "inf"), ("value", "high"),
    )),
    ("value", cell("value", "-0.1")), ("value", cell("value", "1e308")), ("value", cell("value", "1.0000001")),
    ("percentages", lines(*(row.rpartition(",")[0] + ",55" for row in ROWS))),
    ("empty cell in column objective", cell("objective", "")), ("empty cell in column clips", cell("clips", "")),
    ("empty cell in column clips", cell("clips", "nan")),
    ("name", cell("task", "   ")), ("name", cell("objective", "a" * 10_000)),
    ("twice", lines(*ROWS, ROWS[0])), ("missing column value", lines("a,1,t,accuracy", header=HEADER[:-6])),
    ("empty", b""), ("", lines()), ("separated by ';'", lines(*ROWS).replace(b",", b";")),
    ("not UTF-8", lines(*ROWS).replace(b"esc50", b"esc\xe9")), ("no CSV", lines('"a,1,t,accuracy,0.5', *ROWS)),
    ("cells", lines(*ROWS, "a,1")), ("two columns are named", lines(*(f"{row},1" for row in ROWS),
                                                                    header=f"{HEADER},value")),
    ("columns", lines(header=",".join(f"c{i}" for i in range(20_000)))),
    ("line 2.*a cell of more than 131,072 letters", lines("a" * 200_000, *ROWS)),
    ("row 1.*called all tasks", lines(*(row.replace("esc50", "all tasks") for row in ROWS))),
    ("100,001 scores, and a report takes 100,000 at most", lines(*([ROWS[0]] * 100_001))),
    ("1000 clips", lines(*(row for row in ROWS if ",1000," in row))),
]  # fmt: skip


@pytest.mark.parametrize(("words", "content"), REFUSED)
def test_a_bad_table_is_one_line(tmp_path: Path, words: str, content: bytes) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    with pytest.raises(StudyError, match=f"(?s)mine.csv.*{words}") as refused:
        read_table(path)
    assert len(str(refused.value).splitlines()) == 1
    assert len(str(refused.value)) < 2500


GOOD: list[tuple[str, bytes, str, object]] = [
    ("a byte-order mark", b"\xef\xbb\xbf" + lines(*ROWS), "value", 0.5),
    ("Windows' line ends", lines(*ROWS).replace(b"\n", b"\r\n"), "value", 0.5),
    ("empty lines", lines(*ROWS).replace(b"\n", b"\n\n"), "value", 0.5),
    ("no standard error, as pandas writes it", cell("stderr", "nan"), "value", 0.5),
    ("minus nothing", cell("value", "-0.0"), "value", 0.0),
    ("hardly anything", cell("value", "1e-300"), "value", 1e-300),
    ("whole numbers with a point", cell("clips", "100.0"), "clips", 100),
    ("whole numbers with a power", cell("clips", "1.5e2"), "clips", 150),
    ("a large whole number", cell("clips", "5000000000000001.0"), "clips", 5000000000000001),
    ("the largest whole number", cell("samples_seen", str(2**63 - 1)), "samples_seen", 2**63 - 1),
    ("excluded in capitals", cell("excluded", "TRUE"), "excluded", True),
    ("a column of one's own", cell("remark", "=1+1"), "value", 0.5),
    ("a formula for a name", lines(*(row.replace("esc50", "=cmd|x") for row in ROWS)), "task", "=cmd|x"),
    ("a dollar in a name", lines(*(row.replace("esc50", "$x_") for row in ROWS)), "task", "$x_"),
]


@pytest.mark.parametrize(("content", "column", "value"), [row[1:] for row in GOOD], ids=[row[0] for row in GOOD])
def test_an_odd_table_is_read_right(tmp_path: Path, content: bytes, column: str, value: object) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    scores, _ = read_table(path)
    assert value in scores[column].to_list()
    assert len(scores) == len(ROWS)


def parquet(**columns: object) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        good = pl.DataFrame([row.split(",") for row in ROWS], schema=HEADER.split(","), orient="row")
        good = good.with_columns(pl.col("clips").cast(pl.Int64), pl.col("value").cast(pl.Float64))
        good.with_columns(**columns).write_parquet(path)  # type: ignore[arg-type]

    return write


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.write_bytes(b"PAR1"),
        lambda path: path.write_bytes(os.urandom(500)),
        lambda path: path.write_bytes(lines(*ROWS)),
        lambda path: (parquet()(path), path.write_bytes(path.read_bytes()[:-40])),
        parquet(value=pl.lit([0.5])),
        parquet(task=pl.struct("task")),
        parquet(clips=pl.lit(5e15 + 0.5)),
        parquet(value=pl.lit(b"x")),
        parquet(clips=pl.lit("2026-01-01").str.to_datetime()),
        lambda path: path.mkdir(),
        os.mkfifo,
        lambda path: path.symlink_to(path.parent / "nothing"),
        lambda path: path.symlink_to(path.name),
        lambda path: None,
    ],
)
def test_a_file_that_is_no_table_is_one_line(tmp_path: Path, make: Callable[[Path], object]) -> None:
    path = tmp_path / "mine.parquet"
    make(path)
    with pytest.raises(StudyError, match=r"mine\.parquet") as refused:
        read_table(path)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "make"),
    [
        ("no file", Path.mkdir),
        ("no file", os.mkfifo),
        ("no file", lambda path: path.symlink_to("/dev/zero")),
        ("not there", lambda path: path.symlink_to("nothing")),
        ("symbolic links", lambda path: path.symlink_to(path.name)),
        ("not there", lambda path: None),
    ],
)
def test_what_is_no_file_is_not_read(tmp_path: Path, words: str, make: Callable[[Path], object]) -> None:
    path = tmp_path / "mine.csv"
    make(path)
    with pytest.raises(StudyError, match=f"mine.csv.*{words}"):
        read_table(path)


def test_a_name_that_no_file_has_is_no_parquet_table(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="too long"):
        read_parquet(tmp_path / ("a" * 300) / "predictions.parquet")
    with pytest.raises(StudyError, match="too long"):
        read_table(tmp_path / f"{'a' * 300}.csv")


def test_an_arm_without_a_task_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(lines(*ROWS, *(f"a,{clips},esc10,accuracy,0.7" for clips in (100, 1000))))
    write_table_report(path, tmp_path)
    assert "no score: b at 100, 1,000 clips (esc10)" in (tmp_path / "report" / "report.md").read_text()


@pytest.mark.long
def test_hundreds_of_tasks_and_arms_are_reported_in_parts(tmp_path: Path) -> None:
    """What is left out of figures and comparisons is counted and named, and stands in the tables."""
    rows = [
        f"arm{arm:03},{clips},task{task:03},accuracy,{0.5 + clips / 1e4 + arm / 1e4}"
        for arms, tasks in ((21, 1), (2, 40))
        for arm in range(arms)
        for task in range(tasks)
        for clips in (100, 1000)
    ]
    path = tmp_path / "mine.csv"
    path.write_bytes(lines(*dict.fromkeys(rows)))
    write_table_report(path, tmp_path)
    text = (tmp_path / "report" / "report.md").read_text()
    assert "**Which objective? Not compared.** 21 levels make 210 pairs of arms, and a report compares 200" in text
    assert (
        "Of 40, the first 36 are drawn, to task035; the other 4, from task036 to task039, stand in curves.csv." in text
    )
    curves = pl.read_csv(tmp_path / "report" / "curves.csv")
    assert set(curves["task"]) == {f"task{task:03}" for task in range(40)}
    assert curves["objective"].n_unique() == 21
