"""A study and its store in S3: what differs from a filesystem, and one whole study while S3 is out of order."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import polars as pl
import psutil
import pytest
import torch
from corpora import TinyCorpus, lay_down, part, write
from object_store import LOSSES, SECRET, ObjectStore
from polars.testing import assert_frame_equal
from safetensors.torch import save_file
from started import Started
from tiny import tiny_module, tiny_run
from upath import UPath

from scaling.cli import run_study
from scaling.data import order
from scaling.data.feed import Feed
from scaling.data.index import write_index
from scaling.data.parts import describe
from scaling.data.store import Store
from scaling.errors import StudyError
from scaling.runs.folder import StudyFolder
from scaling.storage import cache as node_cache
from scaling.storage import lease
from scaling.storage.files import (
    Location,
    cached,
    create,
    names,
    read_bytes,
    read_json,
    remove,
    replace_if,
    replacing,
    version,
    write_json,
)
from scaling.storage.lease import Lease
from scaling.training.attempt import Attempt, SupersededError
from scaling.training.checkpoint import (
    State,
    checkpoint_path,
    latest_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from scaling.training.initialize import read_weights
from scaling.training.learning_curve import FILE, LearningCurve, read_curve
from scaling.training.optimizers import build_optimizer
from studies.data_scale import DataScale, data_scale


def objects(place: Location) -> list[str]:
    assert isinstance(place, UPath)
    return sorted(place.fs.find(place.path))


def test_a_file_is_whole_or_not_there_and_a_busy_store_is_waited_for(object_store: ObjectStore):
    place = object_store.bucket()
    with suppress(KeyError), replacing(place / "a" / "file") as temporary:
        temporary.write_text("half")
        raise KeyError
    assert names(place / "a") == []
    object_store.busy(2.0)
    began = time.monotonic()
    write_json(place / "a" / "file", 1)
    assert time.monotonic() - began > 1.5
    assert read_json(place / "a" / "file") == 1
    assert names(place / "a") == ["file"]


@pytest.mark.long
def test_requests_that_are_lost_singly_are_made_up_for(object_store: ObjectStore):
    place = object_store.bucket()
    object_store.lose_every(3)
    try:
        for number in range(8):
            file, other = place / f"file-{number}", place / f"other-{number}"
            content = bytes([number]) * 200_000
            with replacing(file) as temporary:
                temporary.write_bytes(content)
            assert read_bytes(file) == content
            assert cached(file).read_bytes() == content
            # Whoever asks may find what a request of its own, whose answer was lost, has done.
            create(other, "first")
            replace_if(other, "second", version(other))
            assert read_bytes(other) == b"second"
            remove(other)
        assert set(object_store.lost) == set(LOSSES)
        assert names(place) == sorted(f"file-{number}" for number in range(8))
    finally:
        object_store.lose_every(0)


def test_one_start_at_a_time(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch):
    folder = object_store.bucket() / "study"
    with Lease(folder):
        with pytest.raises(StudyError, match=f"in use by process {os.getpid()}"), Lease(folder):
            pass
        assert read_json(folder / "lease.json")["pid"] == os.getpid()
    assert objects(folder) == []
    mine = psutil.Process()
    held = {"host": lease.socket.gethostname(), "pid": mine.pid, "started": mine.create_time() - 60, "token": "x"}
    write_json(folder / "lease.json", {**held, "beat": time.time()})
    began = time.monotonic()
    with Lease(folder):
        assert time.monotonic() - began < 2
        assert read_json(folder / "lease.json")["token"] != "x"
    # Of two that find the same dead holder one takes its place.
    write_json(folder / "lease.json", {**held, "beat": time.time()})
    rivals, meet, won = [Lease(folder) for _ in range(2)], threading.Barrier(2), []
    content = Lease._content

    def after_the_other_has_looked(self: Lease) -> dict[str, object]:
        meet.wait(10)
        return content(self)

    def take(rival: Lease) -> None:
        if rival._taken_over():
            won.append(rival)

    monkeypatch.setattr(Lease, "_content", after_the_other_has_looked)
    threads = [threading.Thread(target=take, args=(rival,)) for rival in rivals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert read_json(folder / "lease.json")["token"] == won[0]._token


def test_a_holder_that_beats_again_after_an_outage_keeps_its_lease(
    object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
):
    folder = object_store.bucket() / "study"
    old = {"host": "elsewhere", "pid": 1, "started": 0.0, "token": "x", "beat": time.time() - lease.STALE_SECONDS - 1}
    write_json(folder / "lease.json", old)
    monkeypatch.setattr(lease.time, "sleep", lambda _: write_json(folder / "lease.json", {**old, "beat": time.time()}))
    with pytest.raises(StudyError, match="on elsewhere"), Lease(folder):
        pass
    write_json(folder / "lease.json", old)
    monkeypatch.setattr(lease.time, "sleep", lambda _: None)
    monkeypatch.setattr(lease, "WATCH_SECONDS", 0.1)
    with Lease(folder):
        assert read_json(folder / "lease.json")["pid"] == os.getpid()


def test_checkpoints_come_back_bit_for_bit(object_store: ObjectStore):
    run = tiny_run()
    folder = object_store.bucket() / "runs" / "run"
    module = tiny_module(run, 30)
    optimizer = build_optimizer(module, run)
    for parameter in module.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    save_checkpoint(folder, State(5, 0.5), module, optimizer, lambda: None)
    save_checkpoint(folder, State(9, 1.5), module, optimizer, lambda: None)
    assert names(folder / "checkpoint") == ["step-00000009"]

    def superseded() -> None:
        raise SupersededError

    with pytest.raises(SupersededError):
        save_checkpoint(folder, State(12), module, optimizer, superseded)
    assert latest_checkpoint(folder) == checkpoint_path(folder, 9)
    other = tiny_module(tiny_run(seed=1), 30)
    again = build_optimizer(other, run)
    assert load_checkpoint(checkpoint_path(folder, 9), other, again) == State(9, 1.5)
    for name, value in module.state_dict().items():
        assert torch.equal(value, other.state_dict()[name])
    for one, two in zip(module.parameters(), other.parameters(), strict=True):
        for key, value in optimizer.state[one].items():
            assert torch.equal(value, again.state[two][key])


def test_a_curve_is_published_whole_and_by_the_newest_attempt_alone(object_store: ObjectStore):
    folder = object_store.bucket() / "run"
    old, new = Attempt(folder), Attempt(folder)
    old.claim()
    first = LearningCurve(old, 0)
    for step in (1, 2, 3):
        first.add(step, {"train/loss": float(step)})
    assert read_curve(folder / FILE) == []
    first.publish()
    assert [row["step"] for row in read_curve(folder / FILE)] == [1, 2, 3]
    new.claim()
    second = LearningCurve(new, 2)
    first.add(4, {"train/loss": 4.0})
    first.close()
    second.add(3, {"train/loss": 30.0})
    second.close()
    assert [row["train/loss"] for row in read_curve(folder / FILE)] == [1.0, 2.0, 30.0]


def test_a_store_is_the_same_in_both_places(
    object_store: ObjectStore, make_corpus: Callable[..., TinyCorpus], tmp_path: Path
):
    corpus = make_corpus(birds=24, dogs=12)
    places: tuple[Location, Location] = (tmp_path / "store", object_store.bucket() / "store")
    for place in places:
        write(place, corpus, lay_down(place, corpus), *range(5))
        assert write_index(place) == 36
    here, there = places
    assert names(here) == names(there)
    for name in names(here):
        assert read_bytes(here / name) == read_bytes(there / name), name
    name = part(here, 1).name
    for one, other in zip(describe(here / name), describe(there / name), strict=True):
        assert one.equals(other)
    # Fetched when it is read, once, and only what is whole is used.
    cache = tmp_path / "cache" / "audio-scaling"
    for copy in cache.glob("*"):
        copy.unlink()
    local, remote = Store(here), Store(there)
    assert list(cache.glob("*part-*")) == []
    np.testing.assert_array_equal(local.log_mel(0), remote.log_mel(0))
    [copy] = cache.glob("*part-*")
    assert cache.stat().st_mode & 0o777 == 0o700
    assert copy.read_bytes() == part(here, 0).read_bytes()
    copy.write_bytes(copy.read_bytes()[:-8])
    again = Store(there)
    for clip in range(len(local)):
        np.testing.assert_array_equal(local.log_mel(clip), again.log_mel(clip))
    # Another file under the same name is another version, and not what its name says.
    with replacing(there / part(here, 0).name) as temporary:
        temporary.write_bytes(part(here, 1).read_bytes())
    with pytest.raises(StudyError, match=r"part-000000-\w+\.arrow is damaged .*: delete it"):
        Store(there).log_mel(0)


def test_a_checkpoint_to_start_from_goes_where_nodes_see_it(object_store: ObjectStore, tmp_path: Path):
    save_file({"encoder.x": torch.arange(3.0)}, tmp_path / "mine.safetensors")
    named = {"checkpoint-1": tmp_path / "mine.safetensors"}
    assert StudyFolder(tmp_path / "study").with_checkpoints(named).checkpoints == named
    place = StudyFolder(object_store.bucket() / "study").with_checkpoints(named).checkpoints["checkpoint-1"]
    assert torch.equal(read_weights(place)["encoder.x"], torch.arange(3.0))
    with pytest.raises(StudyError, match="no checkpoint at s3://"):
        read_weights(place.with_name("other"))


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({}, "MLflow's SQLite cannot live: name a tracking server with --tracking-uri"),
        ({"--out": "s3://nobucket/study"}, "s3://nobucket/study: there is no such bucket"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "cannot be reached (EndpointConnectionError)"),
        (
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "--out": "/absent/study", "--store": "s3://bucket/store"},
            "s3://bucket/store cannot be reached (EndpointConnectionError)",
        ),
        ({"--store": "http://127.0.0.1/store"}, "http://127.0.0.1/store is no folder"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    object_store: ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    changed: dict[str, str],
    line: str,
):
    place = object_store.bucket()
    options = {"--preset": "smoke", "--out": str(place / "study")}
    if changed:
        options["--tracking-uri"] = f"sqlite:///{tmp_path / 'mlflow.db'}"
    for name, value in changed.items():
        if name.startswith("--"):
            options[name] = value
        else:
            monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["study", *(word for pair in options.items() for word in pair)])
    began = time.monotonic()
    assert run_study(data_scale, DataScale, "") == 2
    assert time.monotonic() - began < 10
    said = capsys.readouterr().err.strip()
    assert line in said
    assert "\n" not in said
    assert "127.0.0.1:9" not in said
    monkeypatch.setenv("AWS_ENDPOINT_URL", object_store.environment["AWS_ENDPOINT_URL"])
    assert objects(place) == []


def test_an_outage_that_lasts_ends_a_study_with_one_line(
    object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    place = object_store.bucket() / "study"
    # A client reads it when it is made.
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    type(place.fs).clear_instance_cache()
    object_store.busy_after("lease.json", float("inf"))
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setattr(sys, "argv", ["study", "--preset", "smoke", "--out", str(place), "--tracking-uri", uri])
    assert run_study(data_scale, DataScale, "") == 1
    said = capsys.readouterr().err.strip()
    assert said == "error: the object store does not answer: start the same command again, it goes on"
    object_store.busy(0.0)
    type(place.fs).clear_instance_cache()


def test_a_study_goes_on_while_s3_is_out_of_order(
    object_store: ObjectStore, undisturbed: Started, small_study: list[str], tmp_path: Path
):
    place = object_store.bucket() / "study"
    # In the middle of a run's checkpoint, while the other lane works too.
    object_store.busy_after("optimizer.safetensors", 10.0)
    refused = object_store.refused
    database = tmp_path / "mlflow.db"
    arguments = [*small_study, "--clips", "16", "--tracking-uri", f"sqlite:///{database}"]
    study = Started(place, *arguments, log=tmp_path / "log")
    assert study.ended() == 0, study.log.read_text()
    assert object_store.refused > refused
    assert "failed" not in study.log.read_text()
    mine, theirs = study.results(), undisturbed.results()
    assert len(mine) == 8
    for name, result in mine.items():
        assert result["cost"].get("weights") == theirs[name]["cost"].get("weights"), name
        assert result["scores"] == theirs[name]["scores"], name
    local = undisturbed.scores().filter(pl.col("run").is_in(list(mine)))
    assert_frame_equal(study.scores(), local)
    found = objects(place)
    assert not [name for name in found if "/.ray" in name or "lease" in name or name.endswith(".tmp")]
    for file in ("report.html", "report.md", "claims.json", "curves.parquet", "stamp.json", "figures/summary.png"):
        assert read_bytes(place / "report" / file)
    endpoint = object_store.environment["AWS_ENDPOINT_URL"]
    assert isinstance(place, UPath)
    contents = {name: place.fs.cat_file(name) for name in found}
    for name, content in {**contents, "mlflow.db": database.read_bytes(), "log": study.log.read_bytes()}.items():
        assert SECRET.encode() not in content, name
        assert endpoint.encode() not in content, name
        if "/runs/" in name:
            assert str(tmp_path).encode() not in content, name
    stamp = json.loads(contents[f"{place.path}/report/stamp.json"])
    assert all(stamp["runs"].values())


def test_parts_come_ahead_and_the_cache_keeps_its_bound(
    object_store: ObjectStore, make_corpus: Callable[..., TinyCorpus], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    corpus = make_corpus(birds=40)
    there = object_store.bucket() / "store"
    write(there, corpus, lay_down(there, corpus), *range(5))
    write_index(there)
    monkeypatch.setattr(order, "WINDOW", 1)
    cache = tmp_path / "cache" / "audio-scaling"
    for copy in cache.glob("*part-*"):
        copy.unlink()
    store = Store(there)
    feed = Feed(store, store.subset(36), store.holdout, 0, 4, 0.3, 16)
    batches = feed.stream(0, 9)
    first = next(batches)
    # The first batches' part, and the one that follows it in the order, before anything of it is asked for.
    windows = {window for step in (0, 1) for window in feed.batches.draw(step).windows}
    following = {feed.batches.order.following(*window) for window in windows}
    needed = {store.index.parts[part] for w in windows | following for part in feed.batches.order.parts_of(*w).tolist()}
    deadline = time.monotonic() + 20
    while not needed <= {path.name[33:] for path in cache.glob("*part-*")}:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    rest = list(batches)
    assert torch.equal(first["lengths"], feed.batch(0)["lengths"])
    assert len(rest) == 8
    # Room for three parts: what was asked for longest ago goes, and who wants it again has it again.
    size = max(path.stat().st_size for path in cache.glob("*part-*"))
    monkeypatch.setattr(node_cache, "IN_USE_SECONDS", 0.0)
    monkeypatch.setattr(node_cache, "bound", lambda held: 3 * size + 20_000)
    for copy in cache.glob("*part-*"):
        copy.unlink()
    for _ in range(2):
        again = Store(there)
        for place in range(0, 40, 8):
            np.testing.assert_array_equal(again.log_mel(place), store.log_mel(place))
            assert sum(path.stat().st_size for path in cache.glob("*part-*")) <= 3 * size + 20_000
