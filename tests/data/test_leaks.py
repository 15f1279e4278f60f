"""Lists of evaluation clips in their published forms, and by what clips are known in them."""

from pathlib import Path

import pytest

from scaling.data.clip import Clip
from scaling.data.columns import Cleaning, batches
from scaling.data.leaks import keys_of, lists_digest, read_lists
from scaling.errors import StudyError

VIDEO = "-ab_cdEFGh1"
LISTS = {
    "test.csv": f'audiocap_id,youtube_id,start_time,caption\n1,{VIDEO},30,"a dog, barking"\n',
    "musiccaps-public.csv": "ytid,start_s,end_s,caption,is_audioset_eval\n"
    "evalevaleva,0,10,x,True\ntraintraint,0,10,x,False\n",
    "vggsound.csv": 'vggvggvggvg,30,"dog barking, loud",test\nvggtrainvgg,30,cat,train\n',
    "clotho_metadata.csv": "file_name,keywords,sound_id,link\nRain on tin.wav,rain,4321,x\nNew.wav,y,Not found,x\n",
    "esc50.csv": "filename,fold,target,category,esc10,src_file,take\n1-100032-A-0.wav,1,0,dog,True,100032,A\n",
    "mine.txt": "id10001/00001.wav\n\nown-video-1\n",
}


@pytest.fixture
def known(tmp_path: Path) -> dict[str, str]:
    for name, text in LISTS.items():
        (tmp_path / name).write_text(text)
    return read_lists([tmp_path / name for name in LISTS])


def test_every_form_is_known_by_what_it_says(known: dict[str, str]):
    assert known == {
        f"youtube:{VIDEO}": "audiocaps",
        "youtube:evalevaleva": "musiccaps",
        "youtube:vggvggvggvg": "vggsound",
        "name:Rain on tin": "clotho",
        "freesound:4321": "clotho",
        "name:New": "clotho",
        "freesound:100032": "esc50",
        "name:00001": "mine",
        "name:own-video-1": "mine",
        "youtube:own-video-1": "mine",
    }


@pytest.mark.parametrize(
    ("name", "audio", "listed"),
    [
        (VIDEO, "x.flac", "audiocaps"),
        (f"Y{VIDEO}", "x.flac", "audiocaps"),
        (f"{VIDEO}_30000_40000", "x.flac", "audiocaps"),
        (f"audioset_{VIDEO}_30.0_40.0", "x.flac", "audiocaps"),
        ("17", f"audio/Y{VIDEO}.wav", "audiocaps"),
        ("vggvggvggvg_000030", "x.flac", "vggsound"),
        ("evalevaleva", "x.flac", "musiccaps"),
        ("traintraint", "x.flac", None),
        ("vggtrainvgg_000030", "x.flac", None),
        ("100032", "x.flac", "esc50"),
        ("100032__user__dog.wav", "x.flac", "esc50"),
        ("esc10_001_1-100032-A", "x.flac", "esc50"),
        ("freesound_4321", "x.flac", "clotho"),
        # A number in a name is not the number of a recording.
        ("track_4321", "x.flac", None),
        (f"x{VIDEO}x", "x.flac", None),
        ("7", "deep/Rain on tin.mp3", "clotho"),
        ("9", "vox/id10001/00001.m4a", "mine"),
    ],
)
def test_a_clip_of_a_list_is_left_out_with_its_name(known: dict[str, str], name: str, audio: str, listed: str | None):
    clip = Clip(f"source/{name}", "source", "any", 5.0, ("a dog",), audio)
    [batch] = batches([clip], Cleaning("s", 1.0, 60.0, leaks=known))
    assert batch.rejects.column("reason").to_pylist() == ([f"leak: in the list {listed}"] if listed else [])


def test_the_name_of_an_archive_is_no_clips_name():
    assert "name:shard" in set(keys_of("1", "shard.tar"))
    assert "name:shard" not in set(keys_of("1", "shard.tar", inside=True))


def test_lists_that_are_none(tmp_path: Path):
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "audio.txt").write_bytes(b"\xff\xfe\xfd")
    for name, said in (("empty.txt", "names no clip"), ("audio.txt", "is no text"), ("gone.txt", "no list of")):
        with pytest.raises(StudyError, match=said):
            read_lists([tmp_path / name])


def test_a_digest_is_that_of_what_lists_say(tmp_path: Path):
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    (tmp_path / "b.txt").write_text("two\n\none\n")
    (tmp_path / "c.txt").write_text("two\n")
    assert (
        lists_digest([tmp_path / "a.txt"]) == lists_digest([tmp_path / "b.txt"]) != lists_digest([tmp_path / "c.txt"])
    )
