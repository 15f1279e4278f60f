"""The command line of a study: what its fields may be, and what a study adds."""

from dataclasses import dataclass

import pytest

from scaling.errors import StudyError
from scaling.study.options import Options, parse
from scaling.study.resources import Resources


@dataclass(frozen=True)
class Mine(Options):
    depth: int = 3
    """How deep."""


def test_a_study_adds_options_of_its_own_and_help_shows_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse(Mine, "", ["--depth", "5", "--clips", "10", "all"]) == Mine(depth=5, clips=(10, "all"))
    with pytest.raises(SystemExit) as ended:
        parse(Mine, "What a study asks.", ["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for words in ("What a study asks.", "--depth INT", "How deep.", "--preset {laptop,smoke}", "(default: 3)"):
        assert words in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--depth", "0"], "--depth 0: it must be at least 1"),
        (["--threads", "0"], "--threads 0: it must be at least 1"),
        (["--clips", "10", "-3"], "--clips -3: it must be at least 1"),
        (["--seeds", "-1"], "--seeds -1: it must be at least 0"),
        (["--seeds", "1", "1"], "--seeds names one value twice: 1 1"),
        (["--clips", "all", "all"], "--clips names one value twice: all all"),
        (["--min-seconds", "3", "--max-seconds", "2"], "--min-seconds 3 and --max-seconds 2: they must be"),
        (["--min-seconds", "0"], "they must be positive, in order and at most 86400"),
        (["--tasks", "tasks.toml"], "--tasks goes with --manifests"),
    ],
)
def test_values_that_make_no_sense_are_refused_in_one_line(arguments: list[str], said: str) -> None:
    with pytest.raises(StudyError, match=said) as refused:
        parse(Mine, "", arguments)
    assert "\n" not in str(refused.value)


def test_what_is_no_option_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(Mine, "", ["--width", "3"])
    assert ended.value.code == 2
    assert "--width" in capsys.readouterr().err


def test_corpus_and_resources_are_what_was_typed() -> None:
    typed = ["--manifests", "a", "b", "--audio-root", "c", "--tasks", "d", "--min-seconds", "0.5"]
    options = parse(Options, "", [*typed, "--threads", "2", "--group-workers", "3", "--gpus-per-worker", "0"])
    corpus = options.corpus()
    assert (corpus.manifests, corpus.audio_root, corpus.tasks, corpus.min_seconds) == (("a", "b"), "c", "d", 0.5)
    assert not corpus.embedded
    assert Options().corpus().embedded
    assert options.resources() == Resources(threads=2, group=3, gpus=0)
