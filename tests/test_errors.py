"""What a person is told of an exception."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling.errors import StudyError, in_one_line, without_secrets

ODD = string.ascii_letters + string.digits + string.punctuation + "äß語"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("no"), "ValueError: no"),
        (OSError("a page\nof traceback\n\nits cause\n"), "OSError: its cause"),
        (KeyError(), "KeyError: "),
        (ValueError("x" * 1000), "ValueError: " + "x" * 288),
    ],
)
def test_type_and_last_line(error: Exception, line: str):
    assert in_one_line(error) == line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql+psycopg://me:p@ss@db:5432/mlflow", "postgresql+psycopg://...@db:5432/mlflow"),
        ("https://me:secret@host/mlflow", "https://...@host/mlflow"),
        ("no answer from http://token@host:80 today", "no answer from http://...@host:80 today"),
        ("http://me@firm:pa/ss@host", "http://...@host"),
        ("Max retries: url: /api/get?token=secret&a=b (refused)", "Max retries: url: /api/get?... (refused)"),
        ("mssql+pyodbc:///?odbc_connect=PWD%3Dsecret", "mssql+pyodbc:///?..."),
        ("http://host:5000", "http://host:5000"),
        ("is it so? a=b, me@host", "is it so? a=b, me@host"),
        ("s3://bucket/a@b/key", "s3://bucket/a@b/key"),
        ("sqlite:////home/a@b/mlflow.db", "sqlite:////home/a@b/mlflow.db"),
    ],
)
def test_what_is_shown_of_a_url_has_no_password(text: str, shown: str):
    assert without_secrets(text) == shown
    assert without_secrets(shown) == shown
    assert str(StudyError(text)) == shown
    assert in_one_line(ValueError(text)) == f"ValueError: {shown}"


@given(st.text(ODD, max_size=8), st.text(ODD, max_size=8), st.sampled_from(["http", "postgresql+psycopg", "s3"]))
def test_no_password_shows_whatever_stands_in_it(before: str, after: str, scheme: str):
    secret = f"{before}SECRET{after}"
    for url in (
        f"{scheme}://me:{secret}@host:80/path",
        f"{scheme}://me@firm:{secret}@host/path",
        f"{scheme}://me:word@host/path?token={secret}",
        f"{scheme}://host/path?a=b&password={secret}",
    ):
        assert "SECRET" not in without_secrets(f"it said: {url} is away ('{url}')")


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("task bird: no column 'ä 犬'", "task bird: no column 'ä 犬'"),
        ("a\nb\r\x0bc\x1b[31m\u2028d\0", r"a\nb\r\x0bc\x1b[31m\u2028d\x00"),
        ("half \ud83d of it", r"half \ud83d of it"),
        ("a" * 3000 + "b" * 3000, "a" * 1333 + "…" + "b" * 666),
    ],
)
def test_a_refusal_is_a_line_whatever_it_quotes(said: str, read: str):
    assert str(StudyError(said)) == read
