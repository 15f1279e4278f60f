import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from scaling.errors import StudyError
from scaling.storage import lease
from scaling.storage.lease import Lease

HOLDER = """
import sys, time
from pathlib import Path
from scaling.storage.lease import Lease
with Lease(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path):
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_folder_in_use_is_refused_in_one_line(holder, tmp_path: Path):
    with pytest.raises(StudyError, match=f"in use by process {holder.pid}") as error, Lease(tmp_path):
        pass
    assert "\n" not in str(error.value)


def test_the_lease_of_a_killed_process_is_taken_over_at_once(holder, tmp_path: Path):
    holder.kill()
    holder.wait()
    began = time.monotonic()
    with Lease(tmp_path):
        assert time.monotonic() - began < 1
        assert json.loads((tmp_path / "lease.json").read_text())["pid"] == os.getpid()
    assert not (tmp_path / "lease.json").exists()


def held_by(host: str = "elsewhere", **changes: object) -> dict[str, object]:
    return {"host": host, "pid": 1, "started": 0.0, "token": "x", "beat": time.time(), **changes}


def test_another_host_is_waited_for_until_it_no_longer_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "lease.json"
    path.write_text(json.dumps(held_by()))
    with pytest.raises(StudyError, match="in use by process 1 on elsewhere"), Lease(tmp_path):
        pass
    old = held_by(beat=time.time() - lease.STALE_SECONDS - 1)
    # Its clock may be another, or the filesystem slow: it beats while it is watched.
    path.write_text(json.dumps(old))
    threading.Timer(0.5, lambda: path.write_text(json.dumps({**old, "beat": old["beat"] + 5}))).start()
    with pytest.raises(StudyError, match="in use by process 1 on elsewhere"), Lease(tmp_path):
        pass
    path.write_text(json.dumps(old))
    monkeypatch.setattr(lease, "WATCH_SECONDS", 0.5)
    said: list[str] = []
    with Lease(tmp_path, said.append):
        assert json.loads(path.read_text())["host"] == socket.gethostname()
    [told] = said
    assert "is held by process 1 on elsewhere, whose last beat was 3" in told
    assert told.endswith("it is taken over if it stays so for 0.5 s")


WATCHED = {
    "empty": "",
    "white": "\n \n",
    "zeros": "\0" * 100,
    "of the future": held_by(beat=4e9),
    "of the far future": held_by(beat=1e300),
    "of long ago": held_by(beat=0),
    "negative": held_by(beat=-1.0),
    "not a number": held_by(beat=float("nan")),
    "endless": held_by(beat=float("inf")),
    "a beat that is text": held_by(beat="now"),
    "a beat that is true": held_by(beat=True),
    "a beat that is nothing": held_by(beat=None),
    "a process that is text": held_by(pid="1"),
    "a process that is true": held_by(pid=True),
    "a process below any": held_by(pid=-1),
    "no process": held_by(pid=0),
    "a process beyond any": held_by(pid=2**80),
    "half a process": held_by(pid=1.5),
    "started in words": held_by(started="yesterday"),
    "a host that is a number": held_by(host=7),
    "a token that is a list": held_by(token=["x"]),
    "all of them": dict.fromkeys(held_by()),
}
REFUSED = {
    "cut short": '{"token": "x", "ho',
    "no fields": "{}",
    "a list": "[]",
    "text": '"lease"',
    "nothing": "null",
    "a contract": '{"tenant": "me", "rent": 900}',
    "no beat": json.dumps({key: value for key, value in held_by().items() if key != "beat"}),
    "more than ours": json.dumps(held_by(rent=900, beat="monthly")),
    "brackets": "[" * 100_000,
}


@pytest.mark.parametrize("form", WATCHED)
def test_one_that_says_nobody_or_no_time_ends_after_it_was_watched(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lease, "WATCH_SECONDS", 0.06)
    monkeypatch.setattr(lease, "LOOK_SECONDS", 0.02)
    content, said = WATCHED[form], []
    (tmp_path / "lease.json").write_text(content if isinstance(content, str) else json.dumps(content))
    with Lease(tmp_path, said.append):
        assert json.loads((tmp_path / "lease.json").read_text())["pid"] == os.getpid()
    assert len(said) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", REFUSED)
def test_what_no_start_has_left_is_named_and_kept(form: str, tmp_path: Path):
    path = tmp_path / "lease.json"
    path.write_text(REFUSED[form])
    with pytest.raises(StudyError) as told, Lease(tmp_path):
        pass
    assert str(told.value).startswith(f"{path} is damaged (")
    assert str(told.value).endswith("): remove it if no other start is at work there")
    assert "\n" not in str(told.value)
    assert path.read_text() == REFUSED[form]


def test_a_folder_or_a_link_in_its_place_is_named_and_kept(tmp_path: Path):
    for name, place in (("folder", "folder"), ("link", "link"), ("nowhere", "link to nothing"), ("pipe", "pipe")):
        (tmp_path / name).mkdir()
        path = tmp_path / name / "lease.json"
        if name == "folder":
            path.mkdir()
        elif name == "pipe":
            os.mkfifo(path)
        else:
            (tmp_path / "mine.json").write_text(json.dumps(held_by(beat=0)))
            path.symlink_to(tmp_path / ("mine.json" if name == "link" else "nothing.json"))
        with pytest.raises(StudyError, match="it is no file"), Lease(tmp_path / name):
            pass
        assert os.path.lexists(path), place
    assert (tmp_path / "mine.json").exists()


def test_of_two_that_have_watched_as_long_one_gets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lease, "WATCH_SECONDS", 0.3)
    (tmp_path / "lease.json").write_text("")
    held, refused = [], []
    meet = threading.Barrier(4)

    def start() -> None:
        meet.wait()
        try:
            with Lease(tmp_path) as mine:
                held.append(mine)
                meet.wait(10)
        except StudyError as error:
            refused.append(str(error))
            meet.wait(10)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(held) == 1
    assert len(refused) == 3
    assert all("is in use by process" in told for told in refused)


def test_a_folder_that_it_made_is_removed_if_it_stays_empty_and_no_other(tmp_path: Path):
    with Lease(tmp_path / "above" / "new"):
        pass
    assert not (tmp_path / "above").exists()
    with Lease(tmp_path / "above" / "new"):
        (tmp_path / "above" / "new" / "kept").touch()
    assert (tmp_path / "above" / "new" / "kept").exists()
    (tmp_path / "theirs").mkdir()
    with Lease(tmp_path / "theirs"):
        pass
    assert (tmp_path / "theirs").exists()
