"""Archives, whole and not."""

import io
import json
import tarfile
from pathlib import Path

import pytest
from forms import clips, tar_of, webdataset

from scaling.data.clip import Clip, Reject
from scaling.data.readers.webdataset import LARGEST_AUDIO, read
from scaling.errors import StudyError

TEXT = json.dumps({"caption": "rain", "duration": 2.0}).encode()


def lines(folder: Path, members: list[tuple[str, bytes]]) -> list[Clip | Reject]:
    path = folder / "a-000.tar"
    path.write_bytes(tar_of(members))
    return list(read(path, "a", str(folder)))


def test_members_of_one_name_are_a_clip(tmp_path: Path):
    found = lines(
        tmp_path,
        [
            ("1.wav", b"sound"),
            ("1.json", TEXT),
            ("x/1.txt", b" wind \n"),
            ("x/1.FLAC", b"another"),
            ("x/1.cls", b"7"),
            ("silent.json", TEXT),
            ("2.mp3", b"..."),
        ],
    )
    assert found == [
        Clip("a/1", "a", "a", 2.0, ("rain",), "a-000.tar", 0.0, None, "bytes 512 5"),
        Clip("a/x/1", "a", "a", None, ("wind",), "a-000.tar", 0.0, None, "bytes 3584 7"),
        Reject(f"{tmp_path}/a-000.tar silent", "a", "a-000.tar", "no recording beside its texts"),
        Clip("a/2", "a", "a", None, (), "a-000.tar", 0.0, None, "bytes 6656 3"),
    ]


@pytest.mark.parametrize("name", ["../../etc/1", "/etc/1", "x/../../1"])
def test_a_member_that_escapes_its_folder_is_a_reject(tmp_path: Path, name: str):
    [reject] = lines(tmp_path, [(f"{name}.flac", b"sound"), (f"{name}.json", TEXT)])
    assert isinstance(reject, Reject)
    assert reject.reason == "its name leaves the archive"
    assert not list(tmp_path.parent.glob("1.*"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [(b"[1]", ".json is no object"), (b"{", ".json is not JSON"), (b"[" * 10**5, ".json is not JSON")],
)
def test_texts_that_are_none(tmp_path: Path, text: bytes, reason: str):
    found = lines(tmp_path, [("1.flac", b"sound"), ("1.json", text), ("2.flac", b"sound"), ("2.json", TEXT)])
    assert [one.reason if isinstance(one, Reject) else one.id for one in found] == [reason, "a/2"]
    [reject] = lines(tmp_path, [("1.flac", b"sound"), ("1.txt", b"\xff")])
    assert isinstance(reject, Reject)
    assert reject.reason == ".txt is not UTF-8"


def test_links_and_devices_are_no_recordings(tmp_path: Path):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for number, kind in enumerate((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE)):
            info = tarfile.TarInfo(f"{number}.flac")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    (tmp_path / "a.tar").write_bytes(file.getvalue())
    found = list(read(tmp_path / "a.tar", "a", ""))
    assert [one.reason for one in found if isinstance(one, Reject)] == [".flac is no plain file in the archive"] * 3


def test_an_archive_that_is_not_whole_is_named_with_its_last_member(tmp_path: Path):
    path = webdataset(tmp_path, clips(3))
    whole = path.read_bytes()
    last = 512 * (len(whole.rstrip(b"\0")) // 512 + 1)
    with tarfile.open(path) as tar:
        header = tar.getmembers()[2].offset
    for bad in (
        whole[:2000],
        whole[: last - 1],
        whole[:last],
        whole[:header] + b"?" * 512 + whole[header + 512 :],
        b"no tar",
        b"",
    ):
        path.write_bytes(bad)
        with pytest.raises(StudyError, match=r"tones-000000.tar is not a whole tar archive \(after ") as refused:
            list(read(path, "a", ""))
        assert "\n" not in str(refused.value)
    with pytest.raises(StudyError, match="no manifest at"):
        list(read(tmp_path / "gone.tar", "a", ""))


def test_a_recording_as_large_as_a_disk_is_a_reject(tmp_path: Path):
    info = tarfile.TarInfo("1.flac")
    info.size = LARGEST_AUDIO + 512
    path = tmp_path / "a.tar"
    with path.open("wb") as file:
        file.write(info.tobuf())
        file.truncate(512 + info.size)
        file.seek(0, 2)
        file.write(bytes(1024))
    [reject] = read(path, "a", "")
    assert isinstance(reject, Reject)
    assert reject.reason == "a recording of 268,435,968 bytes: at most 268,435,456"
