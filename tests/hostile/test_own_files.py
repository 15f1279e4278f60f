"""Small files of ours as somebody may have left them: gone, cut, of other types, something else in their place. Each is
named in one line with the way out and kept, or made up for without a word; leases are in `storage/test_lease.py`, the
files of a store that was prepared in `data/test_description.py`."""

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from outcomes import outcome
from tiny_study import finish, score

from scaling.analysis.report.write import owner
from scaling.driver.display import Display
from scaling.driver.identity import identity
from scaling.driver.recorded import recorded_study
from scaling.driver.signals import Signals
from scaling.driver.start import SCORES, STAMP, Start
from scaling.runs.folder import StudyFolder
from scaling.storage.files import json_text
from scaling.storage.published import publish
from scaling.study.options import parse
from scaling.training.attempt import Attempt
from scaling.training.checkpoint import OPTIMIZER, WEIGHTS, State, check_whole, latest_checkpoint, save_checkpoint
from studies.data_scale import DataScale, data_scale

RUN = "runs/run"
"""In the place of the name of the one run that is done."""


class AcceptedError(Exception):
    """Nothing was wrong, as far as a start looks before there is Ray."""


@pytest.fixture(scope="module")
def arguments(small_study: list[str]) -> list[str]:
    return small_study


@pytest.fixture(scope="module")
def whole(arguments: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of which one run is done and the report is written, without having done any of it."""
    out = tmp_path_factory.mktemp("whole") / "study"
    with pytest.raises(AcceptedError):
        begin(out, arguments)
    begun = start(out, arguments)
    cell = begun.study.cells[-1]
    folder = begun.folder.run(cell.run.name)
    finish(folder, cell, score("domain", "accuracy", 0.5))
    module = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(module.parameters())
    module(torch.ones(2)).sum().backward()
    optimizer.step()
    save_checkpoint(folder.path, State(3), module, optimizer, lambda: None)
    of = owner(**identity(begun.study, begun.source))
    publish(begun.folder.report, of, "report", {"report.md": b"words", "figures/a.png": b"a"})
    publish(begun.folder.report, of, SCORES, {SCORES: b"scores"})
    publish(begun.folder.report, of, STAMP, {STAMP: json_text(asdict(begun._stamp(begun.study, 7))).encode()})
    return out


def start(out: Path, arguments: list[str]) -> Start:
    options = parse(DataScale, "", [*arguments, "--out", str(out)])
    return Start(data_scale(options), options, Display(), Signals())


def begin(out: Path, arguments: list[str]) -> None:
    """Start a study as far as Ray. Raises `AcceptedError` there."""

    def accept(self: Start) -> None:
        raise AcceptedError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Start, "_start_ray", accept)
        patch.setattr(Start, "_opened_tracker", lambda *_: None)
        start(out, arguments).work()


def of_other_types(path: Path) -> None:
    path.write_text(json.dumps({key: [value] for key, value in json.loads(path.read_text()).items()}))


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def replaced(make: Callable[[Path], object]) -> Callable[[Path], object]:
    def damage(path: Path) -> None:
        path.unlink()
        make(path)

    return damage


FORMS: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "half": half,
    "no fields": lambda path: path.write_text("{}\n"),
    "a list": lambda path: path.write_text("[]\n"),
    "nothing": lambda path: path.write_text("null\n"),
    "a number": lambda path: path.write_text("7\n"),
    "no text": lambda path: path.write_bytes(b"\xff\xfe\x00\x81\n"),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size) + b"\n"),
    "brackets": lambda path: path.write_text("[" * 100_000 + "\n"),
    "large": lambda path: os.truncate(path, 65 * 2**20),
    "a folder": replaced(Path.mkdir),
    "a link to nothing": replaced(lambda path: path.symlink_to("nowhere")),
    "a device": replaced(lambda path: path.symlink_to("/dev/zero")),
    "a pipe": replaced(os.mkfifo),
    "of other types": of_other_types,
}
JSON_ALONE = ("of other types",)
OFTEN = ("half", "of other types", "a device")
"""The forms that are tried of every file whenever tests are run."""

Read = Callable[[Path, list[str]], object]


def recorded(out: Path, arguments: list[str]) -> object:
    return recorded_study(StudyFolder(out))


def still_ours(out: Path, arguments: list[str]) -> object:
    return Attempt(run_of(out)).still_ours()


def checkpoint(out: Path, arguments: list[str]) -> object:
    found = latest_checkpoint(run_of(out))
    return found is None or check_whole(found)


def run_of(out: Path) -> Path:
    [run] = (out / "runs").iterdir()
    return run


CHECKPOINT = f"{RUN}/checkpoint/step-00000003"
FILES: dict[str, tuple[Read, tuple[str, ...]]] = {
    "study.json": (begin, ("gone",)),
    f"{RUN}/result.json": (begin, ("gone", "a link to nothing")),
    # A last line may be one that is still being written.
    f"{RUN}/metrics.jsonl": (begin, ("gone", "empty", "half")),
    "report/stamp.json": (begin, ("gone",)),
    "report/.written.json": (begin, ()),
    "report/report.md": (begin, ("gone",)),
    "report/scores.parquet": (begin, ("gone",)),
    "store/store.json": (begin, ()),
    "store/labelled/store.json": (begin, ()),
    "store/catalogue.parquet": (begin, ("gone",)),
    "store/tokenizer.json": (begin, ("gone",)),
    f"{RUN}/run.json": (recorded, ("gone", "a link to nothing")),
    f"{RUN}/attempt.json": (still_ours, ()),
    f"{CHECKPOINT}/state.json": (checkpoint, ("gone", "a link to nothing")),
    f"{CHECKPOINT}/{WEIGHTS}": (checkpoint, ()),
    f"{CHECKPOINT}/{OPTIMIZER}": (checkpoint, ()),
}
"""Who reads each file first, and the forms that are made up for without a word."""
ROWS = [
    pytest.param(name, form, marks=() if form in OFTEN else pytest.mark.long)
    for name in FILES
    for form in FORMS
    if form not in JSON_ALONE or name.endswith(".json")
]


@pytest.mark.parametrize(("name", "form"), ROWS, ids=lambda word: word.replace("/", "-"))
def test_a_file_of_ours(name: str, form: str, whole: Path, arguments: list[str], tmp_path: Path) -> None:
    out = tmp_path / "study"
    shutil.copytree(whole, out)
    path = out / name.replace(RUN, f"runs/{run_of(out).name}")
    FORMS[form](path)
    before = os.lstat(path) if os.path.lexists(path) else None
    read, made_up_for = FILES[name]
    try:
        told = outcome(lambda: read(out, arguments))
    except AcceptedError:
        told = None
    if form in made_up_for:
        assert not isinstance(told, str), told
        return
    assert isinstance(told, str)
    assert str(path) in told or (form == "gone" and str(path.parent) in told)
    assert re.search(r": \w+ .*", told.partition(str(path.parent))[2]), told
    # It is for the person to remove it.
    after = os.lstat(path) if os.path.lexists(path) else None
    assert (before and (before.st_ino, before.st_mtime_ns)) == (after and (after.st_ino, after.st_mtime_ns))
