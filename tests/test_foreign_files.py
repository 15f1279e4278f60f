"""Files of other people's in every folder that a study writes in, under names like ours: no byte of them is touched."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
from corpora import TinyCorpus, lay_down, tone, write
from started import Started
from tiny import tiny_feed, tiny_module, tiny_run, tiny_store

from scaling.cluster.lanes import remove_leftovers
from scaling.data.description import read_store_file
from scaling.data.index import write_index
from scaling.data.parts import prepared_parts
from scaling.data.prepare import prepare
from scaling.driver.report import report_on
from scaling.errors import StudyError
from scaling.runs.folder import RunFolder
from scaling.storage.cache import make_room
from scaling.storage.files import names
from scaling.storage.lease import Lease
from scaling.storage.published import publish
from scaling.training.attempt import Attempt, InterruptedRunError
from scaling.training.loop import train

STUDY = (
    "notes.md", "study.json.bak", "lease.json~", ".lease.json.mine.tmp", ".ray/notes", ".ray/77/notes",
    ".ray/77/data-scale-smoke-lane-0/notes", ".ray/mine/data-scale-smoke-lane-0/.validate_storage_marker",
    "mlartifacts/notes", "runs/notes", "runs/mine/notes",
)  # fmt: skip
STORE = (
    "years.csv", "part-000000.arrow", "part-000000-mine.arrow", "index-mine.arrow", f"part-000000-{'0' * 31}.arrow",
    ".part-000000.arrow.mine.tmp", f".part-000000-{'0' * 32}.arrow.1234567.tmp", "store.json.old",
)  # fmt: skip
RUN = (
    "notes", "result.json.old", "checkpoint/notes", "checkpoint/step-1/notes", "checkpoint/step-00000001.old/notes",
    "checkpoint/.step-00000001.mine.tmp/weights.safetensors", "checkpoint/best/weights.safetensors",
)  # fmt: skip
REPORT = ("notes.md", ".report.md.mine.tmp", "figures/mine.png", "figures/notes", "report.md.old")
CACHE = ("mine", "0123456789abcdef-part-000000.arrow", f"{'0' * 32}", f"{'0' * 32}-folder/mine", "digest-mine.json.old")


def planted(root: Path, names: Iterable[str]) -> dict[Path, bytes]:
    """Files of these names under a folder, each with bytes of its own."""
    found = {}
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"mine: {path}".encode())
        found[path] = path.read_bytes()
    return found


def check(theirs: dict[Path, bytes]) -> None:
    touched = [path for path, content in theirs.items() if not path.is_file() or path.read_bytes() != content]
    assert not touched


def test_a_run_with_its_checkpoints_leaves_them(tmp_path: Path) -> None:
    store, run = tiny_store(tmp_path / "store"), tiny_run()
    folder = RunFolder(tmp_path / "runs" / run.name)
    theirs = planted(folder.path, RUN)

    def training(last: int) -> None:
        attempt = Attempt(folder.path)
        attempt.claim()
        train(run, tiny_feed(run, store), tiny_module(run, len(store.tokenizer)), attempt, checkpoint_seconds=0.0,
              progress=lambda step, rate: step == last)  # fmt: skip

    with pytest.raises(InterruptedRunError):
        training(4)
    # Among our own files too, before those go for later ones.
    theirs |= planted(folder.path / "checkpoint" / "step-00000004", ["notes"])
    training(-1)
    folder.reopen()
    check(theirs)
    ours = {name for name in names(folder.path / "checkpoint") if name.startswith("step-0000")}
    assert ours == {"step-00000001.old", "step-00000004", "step-00000012"}
    assert names(folder.path / "checkpoint" / "step-00000004") == ["notes"]


def test_a_store_that_grows_leaves_them(tmp_path: Path) -> None:
    corpus = TinyCorpus(tmp_path / "audio")
    for index in range(20):
        corpus.add("birds", f"{index:03d}", tone(index))
    folder = tmp_path / "store"
    description = lay_down(folder, corpus)
    theirs = planted(folder, STORE)
    write(folder, corpus, description, 0)
    assert write_index(folder) > 0
    [first] = prepared_parts(folder)[0]
    (folder / f".{first}.0123abcd.tmp").write_bytes(b"of a writer that was killed")

    def write_parts(folder: Path, audio_root: str, description: object, numbers: list[int]) -> Iterable[int]:
        for number in numbers:
            write(folder, corpus, description, number)
            yield number

    prepare(folder, str(corpus.root), None, write_parts)
    with pytest.raises(StudyError, match="the largest possible size"):
        prepare(folder, str(corpus.root), 500, write_parts)
    assert not list(folder.glob("*.0123abcd.tmp"))
    # The catalogue is laid down again where it is gone.
    (folder / "catalogue.parquet").unlink()
    lay_down(folder, corpus)
    check(theirs)
    there = read_store_file(folder)
    assert there is not None
    assert not set(there.files) & {path.name for path in theirs}


def test_what_is_not_of_one_run_or_store_leaves_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    theirs = planted(tmp_path / "cache" / "audio-scaling", CACHE) | planted(tmp_path / "cache", ["mine", "other/mine"])
    theirs |= planted(tmp_path / "study", STUDY) | planted(tmp_path / "study" / "report", REPORT)
    for path in theirs:
        os.utime(path, (0, 0))
    with Lease(tmp_path / "study"):
        remove_leftovers(tmp_path / "study" / ".ray", "data-scale-smoke")
        for words in (b"one", b"two"):
            publish(tmp_path / "study" / "report", "the study", "report", {"figures/a.png": words, "report.md": words})
        publish(tmp_path / "study" / "report", "the study", "report", {"report.md": b"three"})
        make_room(2**60)
    check(theirs)
    assert names(tmp_path / "study" / "report" / "figures") == ["mine.png", "notes"]


@pytest.mark.long
def test_whole_starts_leave_them(undisturbed: Started, small_study: list[str], tmp_path: Path) -> None:
    """A study that was done goes on with a run that is gone and more clips; a request is refused; nothing is left to
    do; and its report is written again."""
    out, cache = tmp_path / "study", tmp_path / "cache"
    shutil.copytree(undisturbed.out, out)
    runs = sorted(path.parent for path in out.glob("runs/*/run.json"))
    theirs = planted(out, STUDY) | planted(out / "report", REPORT) | planted(cache / "audio-scaling", CACHE)
    theirs |= planted(out / "store", STORE) | planted(out / "store" / "labelled", STORE)
    for run in runs:
        theirs |= planted(run, RUN)
    again = next(run for run in runs if (run / "result.json").exists())
    (again / "result.json").unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        # One MLflow for two folders of one study would hold the runs of both.
        uri = ["--tracking-uri", f"sqlite:///{tmp_path / 'mlflow.db'}"]
        refused = Started(out, *small_study, *uri, "--clips", "16", "99999999")
        assert refused.ended() == 2
        check(theirs)
        for _ in range(2):
            study = Started(out, *small_study, *uri, "--clips", "16", "32", "40")
            assert study.ended() == 0, study.log.read_text()
            check(theirs)
        assert "nothing to do" in study.log.read_text()
    assert (again / "result.json").exists()
    report_on(out)
    check(theirs)
    assert not (out / "lease.json").exists()
