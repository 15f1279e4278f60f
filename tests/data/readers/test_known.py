"""The same clips in every form, on a disk and in an object store: the same catalogue, the same sound."""

import itertools
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from forms import FORMS, clips
from object_store import ObjectStore

from scaling.data.catalogue import ranked
from scaling.data.columns import Cleaning
from scaling.data.features import Cut, waveforms
from scaling.data.manifests import find_manifests, manifest_digest
from scaling.data.reading import read_manifests
from scaling.errors import StudyError
from scaling.storage.files import Location

MADE = clips()


@pytest.fixture
def bucket(object_store: ObjectStore) -> Location:
    return object_store.bucket()


def check(pattern: str, root: str) -> pl.DataFrame:
    """Read, rank and listen."""
    table, rejects = ranked(*read_manifests(find_manifests([pattern]), Cleaning("s", 1.0, 60.0, root)))
    assert rejects.is_empty()
    assert set(table["source"]) == {"tones"}
    by_id = {f"tones/{one.id}": one for one in MADE}
    assert {row["id"]: tuple(row["captions"]) for row in table.iter_rows(named=True)} == {
        name: one.captions for name, one in by_id.items()
    }
    assert set(table["seconds"]) == {1.2}
    inside = ["within"] if "within" in table.columns else []
    cuts = itertools.starmap(Cut, table.select("audio", "start", "seconds", "channel", *inside).iter_rows())
    heard = list(waveforms(cuts, root))
    for name, samples in zip(table["id"], heard, strict=True):
        np.testing.assert_array_equal(samples.numpy(), by_id[name].samples)
    return table


@pytest.mark.parametrize("form", FORMS)
def test_a_form_on_a_disk(tmp_path: Path, form: str):
    folder = tmp_path / "corpus"
    folder.mkdir()
    file = FORMS[form](folder, MADE)
    table = check(str(file), str(tmp_path if form != "lhotse" else folder))
    # Catalogues do not say where the audio root is.
    assert not table["audio"].str.contains(str(tmp_path), literal=True).any()
    if form == "Parquet table":
        check(str(file), "/elsewhere")
    [manifest] = find_manifests([str(file)])
    assert manifest.reader == ("table" if "table" in form else form)
    digest = manifest_digest([manifest])
    file.write_bytes(file.read_bytes().replace(b"tone number 3", b"tone number 4"))
    if form in ("webdataset", "table"):
        # Nothing is packed there: one letter of a caption.
        assert manifest_digest([manifest]) != digest


@pytest.mark.parametrize("form", FORMS)
def test_a_form_in_an_object_store(tmp_path: Path, bucket: Location, form: str):
    place = bucket / form.replace(" ", "-")
    FORMS[form](tmp_path, MADE)
    for file in sorted(tmp_path.rglob("*")):
        if file.is_file():
            (place / str(file.relative_to(tmp_path))).write_bytes(file.read_bytes())
    [name] = [file.name for file in tmp_path.iterdir() if file.is_file()]
    table = check(f"{place}/{name[:3]}*", str(place if form == "lhotse" else bucket))
    assert not table["audio"].str.contains("s3://").any()
    here, there = (find_manifests([pattern]) for pattern in (str(tmp_path / name), f"{place}/{name}"))
    assert manifest_digest(here) == manifest_digest(there)


def test_an_object_store_that_loses_requests_is_asked_again(
    tmp_path: Path, object_store: ObjectStore, bucket: Location
):
    place = bucket / "losing"
    (place / "tones-000.tar").write_bytes(FORMS["webdataset"](tmp_path, MADE).read_bytes())
    object_store.lose_every(4)
    try:
        check(f"{place}/*.tar", str(place))
    finally:
        object_store.lose_every(0)
    assert sum(object_store.lost.values()) > 2


def test_an_object_store_that_does_not_answer_is_one_clear_error(
    tmp_path: Path, object_store: ObjectStore, bucket: Location, monkeypatch: pytest.MonkeyPatch
):
    (bucket / "busy-000.tar").write_bytes(FORMS["webdataset"](tmp_path, MADE).read_bytes())
    manifests = find_manifests([str(bucket / "busy-000.tar")])
    # The process that reads is given no patience.
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr("scaling.data.manifests.Manifest.size", 1)
    object_store.busy(60.0)
    try:
        with pytest.raises(StudyError, match=r"busy-000.tar cannot be read, the object store does not answer"):
            read_manifests(manifests, Cleaning("s", 1.0, 60.0))
    finally:
        object_store.busy(0.0)
