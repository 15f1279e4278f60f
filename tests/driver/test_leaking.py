"""Evaluation clips in a store: found by file, by name and by sound, with the sizes that have them."""

from pathlib import Path

import pytest
import soundfile
from corpora import clips_of_many_lengths, tone
from task_files import ENTRY, write_tasks

from scaling import cli
from scaling.driver.leaking import leaks


def test_a_leak_is_found_by_file_by_name_and_by_sound(tmp_path: Path):
    store = clips_of_many_lengths(tmp_path)
    audio = tmp_path / "audio" / "sounds"
    audio.mkdir()
    # The sound of one clip under another name, and the name of another with another sound.
    soundfile.write(audio / "copy.flac", tone(3, 0.2 + 0.023 * 3), 16_000)
    soundfile.write(audio / "004.flac", tone(999, 1.0), 16_000)
    soundfile.write(audio / "new.flac", tone(1000, 1.0), 16_000)
    files = {"copy.flac": "test", "004.flac": "val", "../birds/005.flac": "test", "new.flac": "test"}
    # What is trained on is no leak.
    files |= {"../birds/006.flac": "train", "gone.flac": "test"}
    rows = [{"file": file, "split": split, "bird": "wren", "caption": "a wren"} for file, split in files.items()]
    tasks = write_tasks(tmp_path / "audio", ENTRY, rows=rows)
    found = dict(line.split(" ", 1) for line in leaks(store.folder, tasks, [], str(tmp_path / "audio")))
    places = {store.clip_id(place): place for place in range(len(store))}

    def size(name: str) -> str:
        place = places[name] - store.description.holdout
        return "in the holdout" if place < 0 else f"in subsets of {place + 1} clips and more"

    assert found == {
        "birds/003": f"sounds as sounds/copy.flac: {size('birds/003')}",
        "birds/004": f"is called as sounds/004.flac: {size('birds/004')}",
        "birds/005": f"sounds as birds/005.flac: {size('birds/005')}",
    }


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    store = clips_of_many_lengths(tmp_path)
    (tmp_path / "mine.txt").write_text("audio/007.wav\n")
    (tmp_path / "none.txt").write_text("700\n")
    for names, code, said in (
        (["mine.txt"], 1, "birds/007 is called as mine: in"),
        (["none.txt"], 0, "no clip of"),
        ([], 2, ""),
    ):
        words = ["scaling", "leaks", str(store.folder), *(["--lists", str(tmp_path / names[0])] if names else [])]
        monkeypatch.setattr("sys.argv", words)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == code
        assert capsys.readouterr().out.startswith(said)
