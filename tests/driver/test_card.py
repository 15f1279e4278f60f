"""The page, tables and figures of a data card."""

from pathlib import Path

import pytest
from corpora import TinyCorpus, lay_down, tone, write

from scaling import cli
from scaling.data.index import write_index
from scaling.driver.card import FILES, card_files


def test_a_card_is_written_beside_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    corpus = TinyCorpus(tmp_path / "audio")
    for number in range(12):
        corpus.add("clotho", f"{number:03d}", tone(number), ["rain | <b>falls</b>"])
    corpus.add("a|b`<i>", "silent", tone(99), [])
    folder = tmp_path / "store"
    description = lay_down(folder, corpus)
    write(folder, corpus, description, 0, 1)
    write_index(folder)
    monkeypatch.setattr("sys.argv", ["scaling", "card", str(folder), "--clips", "4"])
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert not ended.value.code
        assert capsys.readouterr().out == f"{folder}/card/card.md\n"
    assert all((folder / "card" / name).is_file() for name in FILES)
    page = (folder / "card" / "card.md").read_text()
    assert "|  | 4 clips | 8 clips |" in page
    assert "| a\\|b\\`&lt;i> | manifest | no caption | 1 |" in page
    assert "| clotho | Clotho | human |" in page
    assert set(card_files(folder, [4])) == set(FILES)
    assert card_files(folder, [4]) == card_files(folder, [4])
