"""What may be asked for on the command line of a study, up to where Ray would be started: refused in one line with
nothing left behind and nothing touched, or accepted."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from scaling.cli import run_study
from scaling.driver.start import Start
from scaling.storage.files import write_json
from scaling.study.study import Study
from studies.data_scale import DataScale, data_scale

Before = Callable[[Path], object]


class AcceptedError(Exception):
    """Nothing was wrong with a request."""


@pytest.fixture
def asked(
    small_study: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., str]:
    """Starts a study with these arguments as far as Ray, and returns the line that refuses it, "" where none does.

    A refusal must leave everything as it was.
    """

    def refuse_no_more(self: Start) -> None:
        raise AcceptedError

    monkeypatch.setattr(Start, "_start_ray", refuse_no_more)
    monkeypatch.setattr(Start, "_opened_tracker", lambda *_: None)
    monkeypatch.chdir(tmp_path)

    def ask(*arguments: str) -> str:
        before = contents(tmp_path)
        monkeypatch.setattr(sys, "argv", ["study", *small_study, *arguments])
        try:
            assert run_study(data_scale, DataScale, "") == 2
        except AcceptedError:
            return ""
        assert contents(tmp_path) == before
        line = capsys.readouterr().err.rstrip("\n")
        assert line.startswith("error: ")
        assert line.isprintable()
        return line

    return ask


def contents(root: Path) -> dict[str, bytes | str]:
    """Everything under a folder: files with their bytes, links with where they lead, folders."""
    found: dict[str, bytes | str] = {}
    for folder, inner, files in os.walk(root):
        for name in (*inner, *files):
            path = Path(folder, name)
            if path.is_symlink():
                found[str(path)] = f"-> {path.readlink()}"
            else:
                found[str(path)] = path.read_bytes() if path.is_file() else "/"
    return found


@dataclass(frozen=True)
class Row:
    """What is there before, what is asked for ({} is a folder of this test's own), and what the refusal says; "" is
    none."""

    ask: list[str]
    told: str
    before: Before = field(default=lambda root: None)


def file(name: str, content: str = "mine") -> Before:
    def before(root: Path) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)

    return before


def link(name: str, target: str) -> Before:
    return lambda root: (root / name).symlink_to(target)


def both(*several: Before) -> Before:
    return lambda root: [before(root) for before in several]


def folder(name: str) -> Before:
    return lambda root: (root / name).mkdir(parents=True)


OUT = ["--out", "{}/out"]


def another_shape(root: Path) -> None:
    """Weights of an encoder of another width."""
    from safetensors.torch import save_file
    from tiny import ENCODER

    from scaling.models.transformer import Transformer

    state = Transformer(ENCODER).state_dict()
    save_file({f"encoder.{name}": value for name, value in state.items()}, root / "w.safetensors")


MODEL = '{"model_type": "%s"}'
ROWS = {
    "out: a new folder": Row(OUT, ""),
    "out: an empty folder": Row(OUT, "", folder("out")),
    "out: a folder of a folder of a new folder": Row(["--out", "{}/a/b/c"], ""),
    "out: a slash too much": Row(["--out", "{}//out/./"], ""),
    "out: up and down again": Row(["--out", "{}/out/../out"], ""),
    "out: relative": Row(["--out", "out"], ""),
    "out: blanks and signs": Row(["--out", "{}/a b'c\"[d] #é&%x音"], ""),
    "out: a link to a folder": Row(["--out", "{}/link"], "", both(folder("there"), link("link", "there"))),
    "out: hidden files of others": Row(OUT, "", file("out/.DS_Store")),
    "out: nothing": Row(["--out", ""], "'' is no name of a file or folder"),
    "out: a file": Row(OUT, "out is no folder", file("out")),
    "out: below a file": Row(["--out", "{}/file/out"], "file is no folder", file("file")),
    "out: a link to a file": Row(["--out", "{}/link"], "file is no folder", both(file("file"), link("link", "file"))),
    "out: a link to nothing": Row(
        ["--out", "{}/link"], "is a link to nowhere, where nothing is", link("link", "nowhere")
    ),
    "out: below a link to nothing": Row(["--out", "{}/link/a"], "is a link to nowhere", link("link", "nowhere")),
    "out: a link to itself": Row(["--out", "{}/link"], "link", link("link", "link")),
    "out: a device": Row(["--out", "/dev/null"], "/dev/null is no folder"),
    "out: below a device": Row(["--out", "/dev/null/out"], "/dev/null is no folder"),
    "out: where no folders are made": Row(["--out", "/proc/self/out"], "/proc/"),
    "out: a name of 300 letters": Row(["--out", "{}/" + "x" * 300], "File name too long"),
    "out: a name of 200 letters in another alphabet": Row(["--out", "{}/" + "音" * 200], "File name too long"),
    "out: 4,000 letters": Row(["--out", "{}" + "/xxxxxxx" * 500], "File name too long"),
    "out: 10,000 letters": Row(["--out", "{}" + "/xxxxxxx" * 1250], "File name too long"),
    "out: a line break": Row(["--out", "{}/a\nb"], "is no name of a file or folder"),
    "out: an escape": Row(["--out", "{}/a\x1b[31m"], "is no name of a file or folder"),
    "out: a NUL": Row(["--out", "{}/a\0b"], "is no name of a file or folder"),
    "out: half a letter": Row(["--out", "{}/a\udcff"], "is no name of a file or folder"),
    "out: a line of another alphabet": Row(["--out", "{}/a\u2028b"], "is no name of a file or folder"),
    "out: the home of nobody": Row(["--out", "~nobody-of-that-name/out"], "cannot be found"),
    "out: the root": Row(["--out", "/"], "/ is not empty and holds no study"),
    "out: where the study is called": Row(["--out", "."], "is not empty and holds no study", file("thesis.tex")),
    "out: a folder of something else": Row(OUT, "is not empty and holds no study", file("out/thesis.tex")),
    "out: a report of something else": Row(OUT, "is not empty and holds no study", file("out/report/report.md")),
    "out: runs of something else": Row(OUT, "is not empty and holds no study", file("out/runs/one/log")),
    "out: a store of something else": Row(OUT, "out/store holds no store, but years.csv", file("out/store/years.csv")),
    "out: a file where runs go": Row(OUT, "out/runs is no folder of this project", file("out/runs")),
    "out: a file where Ray writes": Row(OUT, "out/.ray is no folder of this project", file("out/.ray")),
    "out: a question": Row(["--out", "{}/a?b"], "the address of a database cannot hold ?"),
    "out: a sign in percent": Row(["--out", "{}/a%20b"], "the address of a database cannot hold %20"),
    "out: a bucket without a name": Row(["--out", "s3://"], "s3:// is no folder"),
    "out: a web page": Row(["--out", "http://localhost/out"], "http://localhost/out is no folder"),
    "out: a place of no kind": Row(["--out", "nosuch://bucket/out"], "nosuch://bucket/out cannot be used"),
    "out: another study.json": Row(OUT, "study.json is damaged", file("out/study.json", '{"name": "thesis"}')),
    "store: a new folder": Row([*OUT, "--store", "{}/store"], ""),
    "store: the study's own": Row([*OUT, "--store", "{}/out/store"], ""),
    "store: the study's folder": Row([*OUT, "--store", "{}/out"], "is the study's own folder"),
    "store: the study's folder, otherwise": Row([*OUT, "--store", "{}/x/../out//"], "is the study's own folder"),
    "store: a link to the study's folder": Row(
        [*OUT, "--store", "{}/link"], "is the study's own folder", both(folder("out"), link("link", "out"))
    ),
    "store: the report": Row([*OUT, "--store", "{}/out/report"], "among the files of the study in"),
    "store: a run": Row([*OUT, "--store", "{}/out/runs/one"], "among the files of the study in"),
    "store: above the study": Row(["--out", "{}/a/out", "--store", "{}/a"], "among the files of the store in"),
    "store: a file": Row([*OUT, "--store", "{}/file"], "file is no folder", file("file")),
    "store: a link to nothing": Row([*OUT, "--store", "{}/link"], "is a link to nowhere", link("link", "nowhere")),
    "store: nothing": Row([*OUT, "--store", ""], "'' is no name of a file or folder"),
    "store: files of others": Row(
        [*OUT, "--store", "{}/P"],
        "P holds no store, but labelled and more",
        both(file("P/labelled/years.csv"), file("P/tokenizer.json")),
    ),
    "store: files of others, and too many clips": Row(
        [*OUT, "--store", "{}/P", "--clips", "99999999"],
        "P holds no store, but labelled and more",
        both(file("P/labelled/years.csv"), file("P/tokenizer.json")),
    ),
    "store: another store.json": Row(
        [*OUT, "--store", "{}/P"], "store.json is damaged", file("P/store.json", '{"name": "app"}')
    ),
    "store: of another version": Row(
        [*OUT, "--store", "{}/P"],
        "is of version 1, this project reads and writes",
        file("P/store.json", '{"version": 1}'),
    ),
    "clips: more than there are": Row([*OUT, "--clips", "99999999"], "the largest possible size here is at most"),
    "clips: more than numbers that are kept": Row([*OUT, "--clips", "9" * 30], "--clips 9999"),
    "clips: none": Row([*OUT, "--clips", "0"], "--clips 0: it must be at least 1"),
    "seeds: the largest": Row([*OUT, "--seeds", str(2**53)], ""),
    "seeds: 2^63": Row([*OUT, "--seeds", str(2**63)], "--seeds 9223372036854775808: it must be at most"),
    "seeds: 2^64": Row([*OUT, "--seeds", "0", str(2**64)], "it must be at most 9007199254740992"),
    "seeds: of 1,000 digits": Row([*OUT, "--seeds", "9" * 1000], "it must be at most 9007199254740992"),
    "seeds: negative": Row([*OUT, "--seeds", "-1"], "--seeds -1: it must be at least 0"),
    "seeds: none": Row([*OUT, "--seeds"], "--seeds needs at least one seed"),
    "seeds: one twice": Row([*OUT, "--seeds", "1", "1"], "--seeds names one value twice"),
    "steps: none": Row([*OUT, "--steps", "0"], "--steps 0: it must be at least 1"),
    "steps: without end": Row([*OUT, "--steps", "9" * 25], "it must be at most 9007199254740992"),
    "lanes: negative": Row([*OUT, "--lanes", "-3"], "--lanes -3: it must be at least 1"),
    "seconds: no number": Row([*OUT, "--min-seconds", "nan"], "--min-seconds nan"),
    "seconds: without end": Row([*OUT, "--max-seconds", "inf"], "--max-seconds inf"),
    "seconds: beyond all bounds": Row([*OUT, "--max-seconds", "1e308"], "--max-seconds 1e+308"),
    "seconds: in the wrong order": Row([*OUT, "--min-seconds", "9", "--max-seconds", "2"], "in order"),
    "seconds: negative": Row([*OUT, "--min-seconds=-1"], "they must be positive"),
    "init: not there": Row([*OUT, "--audio-init", "{}/absent"], "no checkpoint at"),
    "init: a folder": Row([*OUT, "--audio-init", "{}"], "no checkpoint at"),
    "init: a device": Row([*OUT, "--audio-init", "/dev/zero"], "no checkpoint at"),
    "init: nothing": Row([*OUT, "--audio-init", ""], "no checkpoint at"),
    "init: what cannot be read": Row([*OUT, "--audio-init", "/proc/self/mem"], "no checkpoint at"),
    "init: a line break": Row([*OUT, "--audio-init", "a\nb"], r"no checkpoint at a\nb"),
    "init: the home of nobody": Row([*OUT, "--text-init", "~nobody-of-that-name/x"], "no checkpoint at ~nobody"),
    "init: empty": Row([*OUT, "--audio-init", "{}/w"], "is not a safetensors file", file("w", "")),
    "init: words": Row([*OUT, "--audio-init", "{}/w"], "is not a safetensors file", file("w", "words " * 50)),
    "init: of another shape": Row(
        [*OUT, "--audio-init", "{}/w.safetensors"], "this model needs [128, 320]", another_shape
    ),
    "init: of another family": Row(
        [*OUT, "--audio-init", "{}/w.safetensors", "--encoder", "zipformer-tiny"], "it has no tensor", another_shape
    ),
    "init: public weights of no model": Row([*OUT, "--text-init", "public"], "name the model of contrastive with"),
    "encoder: not there": Row([*OUT, "--encoder", "nobody/nothing"], "no encoder nobody/nothing: give transformer"),
    "encoder: of another kind": Row([*OUT, "--encoder", "{}/m"], "known are", file("m/config.json", MODEL % "t5")),
    "encoder: another rate": Row(
        [*OUT, "--encoder", "{}/m"],
        "hears audio of 44100 Hz",
        both(file("m/config.json", MODEL % "hubert"), file("m/preprocessor_config.json", '{"sampling_rate": 44100}')),
    ),
    "encoder: what cannot be made": Row(
        [*OUT, "--encoder", "{}/m"],
        "no model of the kind hubert can be made",
        file("m/config.json", '{"model_type": "hubert", "conv_dim": [1], "conv_kernel": []}'),
    ),
    "encoder: of a wide width": Row(
        [*OUT, "--encoder", "{}/m"],
        "a hubert with hidden_size wide: it must be a positive number",
        file("m/config.json", '{"model_type": "hubert", "hidden_size": "wide"}'),
    ),
    "encoder: shorter than the clips": Row(
        [*OUT, "--encoder", "{}/m"],
        "hears 1 s at most, and clips are cropped to 4 s",
        file("m/config.json", '{"model_type": "whisper", "max_source_positions": 50}'),
    ),
    "text: not there": Row([*OUT, "--text-encoder", "nobody/nothing"], "no text encoder nobody/nothing: give a folder"),
    "text: of another kind": Row(
        [*OUT, "--text-decoder", "{}/m"], "known are bart", file("m/config.json", MODEL % "t5")
    ),
    "tokenizer: of no kind": Row([*OUT, "--tokenizer", "letters"], "no tokenizer letters: give words, bpe or"),
    "batch: that does not divide": Row([*OUT, "--accumulate", "5"], "64 clips does not divide into 5 parts"),
    "batch: that cannot be shared out": Row(
        [*OUT, "--group-workers", "3"], "64 clips cannot be shared out equally to 3 workers"
    ),
    "tasks: nothing there": Row([*OUT, "--tasks", "{}/absent.toml"], "absent.toml"),
    "tasks: in a bucket": Row([*OUT, "--tasks", "s3://bucket/tasks.toml"], "must be a path on a filesystem"),
    "audio root: the home of nobody": Row([*OUT, "--audio-root", "~nobody-of-that-name"], "cannot be found"),
    "audio root: nowhere": Row([*OUT, "--audio-root", "{}/absent"], "--audio-root"),
    "manifests: what cannot be read": Row([*OUT, "--manifests", "/proc/self/mem"], "cannot be read: Input/output"),
    "record: a name of 300 letters": Row(
        [*OUT, "--tracking-uri", "sqlite:///{}/" + "x" * 300], "cannot be a database (File name too long)"
    ),
    "manifests: nothing there": Row([*OUT, "--manifests", "{}/absent.jsonl.gz"], "no manifest at"),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_request(name: str, asked: Callable[..., str], tmp_path: Path) -> None:
    row = ROWS[name]
    row.before(tmp_path)
    line = asked(*(word.replace("{}", str(tmp_path)) for word in row.ask))
    assert bool(line) == bool(row.told), line
    assert row.told in line


@pytest.fixture
def made(asked: Callable[..., str], tmp_path: Path) -> Path:
    """A study's folder that was begun, with its store laid down."""
    assert asked("--out", str(tmp_path / "made")) == ""
    return tmp_path / "made"


def test_a_store_is_shared_by_who_names_it_and_nothing_else_goes_among_its_files(
    made: Path, asked: Callable[..., str], tmp_path: Path
) -> None:
    store, out = str(made / "store"), ["--out", str(tmp_path / "out")]
    assert asked(*out, "--store", store) == ""
    assert "among the files of the store in" in asked(*out, "--store", f"{store}/labelled")
    assert "among the files of the store in" in asked("--out", f"{store}/out")
    assert "among the files of the study in" in asked("--out", str(made / "runs" / "mine"))
    assert "among the files of the study in" in asked(*out, "--store", str(made / "mine"))
    for other in (["--min-seconds", "0.3"], ["--max-seconds", "30"]):
        told = asked("--out", str(tmp_path / "another"), "--store", store, *other)
        assert "was made from another corpus" in told


def test_a_store_of_another_salt_is_refused(
    made: Path, asked: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def salted(options: DataScale, make: Callable[[DataScale], Study] = data_scale) -> Study:
        return replace(make(options), corpus=replace(options.corpus(), salt="other"))

    monkeypatch.setitem(globals(), "data_scale", salted)
    assert "was made from another corpus" in asked("--out", str(tmp_path / "out"), "--store", str(made / "store"))


def test_a_request_that_is_refused_leaves_a_store_that_is_there_as_it_was(
    made: Path, asked: Callable[..., str], tmp_path: Path
) -> None:
    shutil.copytree(made / "store", tmp_path / "P")
    (tmp_path / "P" / "labelled" / "years.csv").write_text("mine")
    told = asked("--out", str(tmp_path / "out"), "--store", str(tmp_path / "P"), "--clips", "99999999")
    assert "the largest possible size here is at most" in told


def test_a_study_that_is_not_the_one_asked_for_is_left_alone(made: Path, asked: Callable[..., str]) -> None:
    assert asked("--out", str(made)) == ""
    said = asked("--out", str(made), "--preset", "laptop")
    assert "holds a study of another preset (smoke, not laptop)" in said
    write_json(made / "study.json", {"version": 3, "study": "data-scale"})
    assert "(layout 3, not 2): read it with that version" in asked("--out", str(made))
