"""Tables beside a folder of recordings."""

from pathlib import Path

import pytest

from scaling.data.clip import Clip, Reject
from scaling.data.readers.tables import read
from scaling.errors import StudyError

HEAD = "clip_id,file,domain,duration_s,split,caption,captions\n"


def lines(folder: Path, text: str | bytes) -> list[Clip | Reject]:
    path = folder / "clips.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(read(path, "a", str(folder)))


def test_a_row_is_a_clip_with_its_captions(tmp_path: Path):
    row = '1,audio/1.flac,nature,2.5,train,rain,"[""rain"", ""falling, water"", 3]"\n'
    plain = "2,audio/2.flac,,,,[loud] rain,\n"
    assert lines(tmp_path, HEAD + row + plain) == [
        Clip("a/1", "a", "nature", 2.5, ("rain", "falling, water"), "audio/1.flac", 0.0),
        Clip("a/2", "a", "a", None, ("[loud] rain",), "audio/2.flac", 0.0),
    ]


def test_rows_that_are_none_are_rejects_by_their_line(tmp_path: Path):
    good = "".join(f"{n},audio/{n}.flac,x,2,train,rain,\n" for n in range(9))
    bad = '10,"a\nb.flac",x,2,test,rain,\n11,a.flac,x,long,train,rain,\n12,a.flac\n13,,x,2,train,rain,\n'
    found = [one for one in lines(tmp_path, HEAD + good + bad) if isinstance(one, Reject)]
    path = tmp_path / "clips.csv"
    assert [(one.id, one.reason) for one in found] == [
        (f"{path} line 11", "of split test, not of train"),
        (f"{path} line 13", "duration_s is no number: 'long'"),
        (f"{path} line 14", "2 fields, not 7"),
        (f"{path} line 15", "no name of a file"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,words\n1,2\n", "has no column of file names"),
        ("", "has no column of file names"),
        (HEAD + '1,"audio/1.flac', r"is no whole CSV table \(after line 1\)"),
        (HEAD + f"1,{'x' * 2**21},x,2,train,rain,\n", r"is no whole CSV table \(after line 1\): field larger"),
        (HEAD + "1\n2\n" + "3,a.flac,x,2,train,a,\n", "line 2: 1 fields, not 7; 2 of its 3 rows cannot be used"),
    ],
)
def test_what_is_no_table(tmp_path: Path, text: str, said: str):
    with pytest.raises(StudyError, match=said) as refused:
        lines(tmp_path, text)
    assert "\n" not in str(refused.value)


def test_real_tables(realstew: Path):
    found = [
        one for path in sorted(realstew.glob("*/clips.csv")) for one in read(path, path.parent.name, str(realstew))
    ]
    clips = [one for one in found if isinstance(one, Clip)]
    assert len(found) == 5481
    assert len(clips) == 4060
    assert all(clip.captions and (realstew / clip.audio).is_file() for clip in clips)
