"""Task files and their tables as nobody should write them."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from outcomes import make, outcome
from task_files import ENTRY, ROWS, write_tasks

from scaling.data.tasks.toml import MOST_LABELS, read_tasks

TASKS: dict[str, tuple[bytes | dict[str, Any], bytes | Callable[[Path], object] | None, str | None]] = {
    "as it should be": ({}, None, None),
    "with a mark of its order of bytes": ({}, b"\xef\xbb\xbffile,split,bird\n1,train,a\n2,test,b\n", None),
    "with lines of another system": ({}, b"file,split,bird\r\n1,train,a\r\n2,test,b\r\n", None),
    "with formulas": ({}, b"file,split,bird\n=1,train,=cmd|'/c calc'!A1\n+2,test,@SUM(1)\n", None),
    "task file of no text": (b"\xff\xfe[[task]]", None, "{}/tasks.toml is not TOML: .*"),
    "task file of nothing": (b"", None, "{}/tasks.toml names no task: .*"),
    "task file of brackets": (b"a = " + b"[" * 100_000, None, "{}/tasks.toml is not TOML: .*"),
    "task file of 5,000 digits": (b"a = " + b"9" * 5000, None, "{}/tasks.toml is not TOML: .*"),
    "task file of 2 MB": (b"#" * 2**21, None, "{}/tasks.toml is not TOML: it has more than 1,048,576 bytes"),
    "half a character": (b'a = "\\ud800"', None, "{}/tasks.toml is not TOML: .*"),
    "name of 200 letters": ({"name": "x" * 200}, None, "task 'x{{100}}' in .*: its name is not made of .*"),
    "name of a formula": ({"name": "=1+1"}, None, "task '=1[+]1' in .*: its name is not made of .*"),
    "name with a newline": ({"name": "a\nb"}, None, r"task 'a\\nb' in .*: its name is not made of .*"),
    "name of a list": ({"name": ["x" * 5000]}, None, "task .{{100}} in .* has no name"),
    "yes in words": ({"supervised": "false"}, None, "task birds in .*: its supervised is neither true nor false"),
    "clips with a NUL": ({"clips": "a\0"}, None, "task birds: no clips table at .*"),
    "clips of 300 letters": ({"clips": "x" * 300}, None, "task birds: no clips table at .*"),
    "clips that are a folder": ({"clips": "."}, None, "task birds: no clips table at .*"),
    "clips that are a device": ({"clips": "/dev/zero"}, None, "task birds: no clips table at .*"),
    "clips that are a pipe": ({}, os.mkfifo, "task birds: no clips table at .*"),
    "clips of nothing": ({}, b"", "task birds: .* is not a CSV table: .*"),
    "clips of no text": ({}, b"file,split,bird\n\xff,train,\xfe\n2,test,b\n", "task birds: .* is not a CSV table: .*"),
    "clips of zeros": ({}, bytes(1000), "task birds: .*"),
    "clips of a quote": ({}, b'file,split,bird\n"1,train,a\n', "task birds: .*"),
    "clips without rows": ({}, b"file,split,bird\n", "task birds: .* has no clips in split test, train"),
    "columns that break lines": ({}, b'"a\n\x1b[31m",b\n1,2\n', "task birds: .* has no column 'file'; it has .*"),
    "a file twice": ({}, b"file,split,bird\n1,train,a\n./1,test,b\n", "task birds: .* names ./1 twice"),
    "a file with a NUL": (
        {},
        b"file,split,bird\n1\0,train,a\n2,test,b\n",
        "task birds: .* clip 1 .*: id with a control .*",
    ),
    "a file of 300 letters": (
        {},
        b"file,split,bird\n%s,train,a\n2,test,b\n" % (b"x" * 300),
        "task birds: .* clip 1 .*: audio with a name of 300 bytes: at most 255",
    ),
    "a label of 2,000 letters": (
        {},
        b"file,split,bird\n1,train,%s\n2,test,b\n" % (b"x" * 2000),
        "task birds: .* clip 1 .*: label of 2,000 characters: at most 1,000",
    ),
    "a label with an escape": (
        {},
        b"file,split,bird\n1,train,\x1b[31m\n2,test,b\n",
        ".*: label with a control character in it",
    ),
    "a caption of brackets": (
        {},
        b'file,split,bird,captions\n1,train,a,"%s"\n2,test,b,\n' % (b"[" * 10_000),
        "task birds: .* clip 1 .*: captions is not a JSON list of strings",
    ),
    "a caption of half a character": (
        {},
        rb"file,split,bird,captions" + b'\n1,train,a,"[""\\ud800""]"\n2,test,b,\n',
        "task birds: .* clip 1 .*: captions is not a JSON list of strings",
    ),
    "a duration of nan": (
        {},
        b"file,split,bird,duration_s\n1,train,a,nan\n2,test,b,1\n",
        ".* clip 1 .*: a duration of nan s",
    ),
    "a duration of 1e999": (
        {},
        b"file,split,bird,duration_s\n1,train,a,1e999\n2,test,b,1\n",
        ".*: a duration of inf s",
    ),
    "100,000 labels": (
        {},
        b"file,split,bird\n0,test,a\n" + b"".join(b"%d,train,%d\n" % (n, n) for n in range(1, 100_000)),
        f"task birds: .* has 100,000 labels, and a probe tells {MOST_LABELS:,} apart at most",
    ),
}


@pytest.mark.parametrize("name", TASKS)
def test_a_task_file_is_read_or_refused(name: str, tmp_path: Path):
    toml, clips, expected = TASKS[name]
    path = write_tasks(tmp_path, {**ENTRY, **(toml if isinstance(toml, dict) else {})}, rows=ROWS)
    if isinstance(toml, bytes):
        path.write_bytes(toml)
    if clips is not None:
        (tmp_path / "clips.csv").unlink()
        make(tmp_path / "clips.csv", clips)
    found = outcome(lambda: read_tasks(path))
    if expected is None:
        assert not isinstance(found, str), found
    else:
        assert re.fullmatch(expected.format(re.escape(str(tmp_path))), str(found))


@pytest.mark.parametrize("make_it", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_a_task_file_that_is_no_file(make_it: Callable[[Path], object], tmp_path: Path):
    make_it(tmp_path / "tasks.toml")
    assert "cannot be read" in str(outcome(lambda: read_tasks(tmp_path / "tasks.toml")))
