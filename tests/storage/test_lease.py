import json
import os
import socket
import subprocess
import sys
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


def test_another_host_is_waited_for_until_it_no_longer_beats(tmp_path: Path):
    held = {"host": "elsewhere", "pid": 1, "started": 0.0, "token": "x", "beat": time.time()}
    (tmp_path / "lease.json").write_text(json.dumps(held))
    with pytest.raises(StudyError, match="on elsewhere"), Lease(tmp_path):
        pass
    (tmp_path / "lease.json").write_text(json.dumps({**held, "beat": time.time() - lease.STALE_SECONDS - 1}))
    with Lease(tmp_path):
        assert json.loads((tmp_path / "lease.json").read_text())["host"] == socket.gethostname()


def test_a_folder_that_stays_empty_is_removed_again(tmp_path: Path):
    with Lease(tmp_path / "new"):
        pass
    assert not (tmp_path / "new").exists()
    with Lease(tmp_path / "new"):
        (tmp_path / "new" / "kept").touch()
    assert (tmp_path / "new" / "kept").exists()
