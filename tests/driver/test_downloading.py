"""Corpora from a hub that answers as the real one does, on the loopback; and what becomes of one that does not."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scaling.data.sources.known import SOURCES, known_source
from scaling.driver.downloading import FORMS, download
from scaling.errors import StudyError

COMMIT = "0" * 39 + "1"
CUT = {"id": "a", "duration": 2.0, "start": 0.0, "type": "MonoCut", "supervisions": [{"custom": {"caption": ["rain"]}}]}
FILES = {
    "train.jsonl.gz": gzip.compress(json.dumps(CUT).encode() + b"\n"),
    "tables/some.csv": b"file,caption\na.wav,rain\n",
    "README.md": b"# A dataset\n",
}


class _Hub(BaseHTTPRequestHandler):
    """As much of the hub's interface as its client asks of it."""

    def log_message(self, *_: object) -> None: ...

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/datasets/team/gated"):
            self._answer(403, b"{}", {"X-Error-Code": "GatedRepo"})
        elif not path.startswith(("/api/datasets/team/set", "/datasets/team/set")):
            self._answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif "/tree/" in path:
            listed = [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in FILES.items()
            ]
            self._answer(200, json.dumps(listed).encode(), {"Content-Type": "application/json"})
        elif path.startswith("/api/"):
            told = {"id": "team/set", "sha": COMMIT, "siblings": [{"rfilename": name} for name in FILES]}
            self._answer(200, json.dumps(told).encode(), {"Content-Type": "application/json"})
        else:
            name = path.partition(f"/resolve/{COMMIT}/")[2]
            tag = hashlib.sha1(FILES[name]).hexdigest()
            self._answer(200, FILES[name], {"ETag": f'"{tag}"', "X-Repo-Commit": COMMIT}, name)

    def _answer(self, code: int, content: bytes, headers: dict[str, str], name: str = "") -> None:
        self.send_response(code)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def asked(hub: str, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own: the client reads once where the hub is."""
    env = {**os.environ, "HF_ENDPOINT": hub, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-c", "from scaling.cli import main; main()", "download", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_manifests_are_fetched_once_and_what_is_asked_for_later_comes_beside(hub: str, tmp_path: Path) -> None:
    out = tmp_path / "corpus"
    first = asked(hub, tmp_path / "home", "team/set", "--out", str(out))
    assert first.returncode == 0, first.stderr
    assert f"team/set at {COMMIT}: 2 files, of which 0 are there" in first.stdout
    assert first.stdout.split()[-2:] == [str(out / "tables/some.csv"), str(out / "train.jsonl.gz")]
    for name in ("train.jsonl.gz", "tables/some.csv"):
        assert (out / name).read_bytes() == FILES[name]
    assert not (out / "README.md").exists()
    again = asked(hub, tmp_path / "home", "team/set", "--out", str(out), "--files", "*.csv", "*.md")
    assert again.returncode == 0, again.stderr
    assert "2 files, of which 1 are there" in again.stdout
    assert (out / "README.md").read_bytes() == FILES["README.md"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["team/none"], "the hub has no dataset team/none"),
        (["team/gated"], "team/gated is given to those who have accepted its terms"),
        (["team/set", "--files", "*.flac"], "team/set has no files like *.flac: name others with --files"),
    ],
)
def test_what_is_not_there_is_a_line(hub: str, tmp_path: Path, words: list[str], said: str) -> None:
    refused = asked(hub, tmp_path / "home", *words, "--out", str(tmp_path / "corpus"))
    assert refused.returncode == 2
    assert said in refused.stderr
    assert refused.stderr.count("\n") <= 1
    assert not (tmp_path / "corpus").exists()


def test_a_hub_that_does_not_answer_is_a_line(tmp_path: Path) -> None:
    refused = asked("http://127.0.0.1:9", tmp_path / "home", "team/set", "--out", str(tmp_path / "corpus"))
    assert refused.returncode == 2
    assert "the hub does not answer for team/set" in refused.stderr
    assert refused.stderr.count("\n") <= 1


def test_a_folder_with_other_things_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("mine")
    with pytest.raises(StudyError, match=r"holds no download, but train\.csv: give a new or empty folder"):
        download("team/set", tmp_path, FORMS, "", print)
    (tmp_path / "download.json").write_text('{"repository": "team/other", "revision": "main"}')
    with pytest.raises(StudyError, match=r"holds team/other at main: give a new or empty folder"):
        download("team/set", tmp_path, FORMS, "", print)
    assert (tmp_path / "train.csv").read_text() == "mine"


def test_a_corpus_is_named_or_said_to_lie_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="Clotho does not lie on the hub: https://zenodo"):
        download("clotho", tmp_path, FORMS, "", print)
    with pytest.raises(StudyError, match="noises is neither owner/dataset nor one of audiocaps, clotho"):
        download("noises", tmp_path, FORMS, "", print)
    for name in SOURCES:
        known = known_source(name)
        assert known is not None
        assert not known.hub or f"https://huggingface.co/datasets/{known.hub}" in known.manifest
