"""The one exception a user is meant to read, and how a line of text reaches them."""

import re

# What a terminal obeys, what breaks a line, what turns the direction of writing, and halves of characters.
_STEERS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

LONGEST = 2_000
"""Characters of a line that is meant for a person."""

_URL = re.compile(r"([A-Za-z][\w+.-]*://)(\S+)")
_REQUEST = re.compile(r"(?<=url: )(\S+)")
_QUESTION = re.compile(r"(?<=[?#]).+")


class StudyError(Exception):
    """A request that makes no sense or input that cannot be used.

    Its message is one line that names the thing and the way out; the command line prints it and exits 2.
    """

    def __init__(self, message: str) -> None:
        super().__init__(visible(without_secrets(message), LONGEST))


class ClusterLostError(Exception):
    """The cluster that a study works on is gone. What is done lies in the study's folder."""


def in_one_line(error: BaseException) -> str:
    """An exception as a person is told of it: its type, and the last line of what it says."""
    lines = without_secrets(str(error)).strip().splitlines()
    return f"{type(error).__name__}: {lines[-1] if lines else ''}"[:300]


def without_secrets(text: str) -> str:
    """A text without what may be secret in the URLs in it: users and passwords, and all that is asked of a place.

    What libraries say passes here before it is printed, logged or written: their words may name the URL they were
    given. Sooner too much goes than too little.
    """
    shown = _URL.sub(lambda found: found[1] + _harmless(found[2]), text)
    return _REQUEST.sub(lambda found: _QUESTION.sub("...", found[1]), shown)


def _harmless(place: str) -> str:
    """What may be shown of what stands behind the :// of a URL."""
    user, at, host = place.rpartition("@")
    if at and ("?" in user or "#" in user):
        # Nobody knows whether that is a password or a question.
        return "..."
    if at and ("/" not in user or ":" in user.partition("/")[0]):
        place = f"...@{host}"
    return _QUESTION.sub("...", place)


def steers(text: str) -> bool:
    """Whether text holds what `visible` spells out."""
    return _STEERS.search(text) is not None


def visible(text: str, most: int = 0) -> str:
    r"""Text as one line of any terminal, page or figure: what would steer it is spelled out (an escape: \x1b).

    Of more than `most` characters (0: of none) the middle is left out.
    """
    line = _STEERS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    if most and len(line) > most:
        line = f"{line[: most * 2 // 3]}…{line[-(most // 3) :]}"
    return line
