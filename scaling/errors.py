"""The one exception a user is meant to read."""


class StudyError(Exception):
    """A request that makes no sense or input that cannot be used.

    Its message is one line that names the thing and the way out; the command line prints it and exits 2.
    """


class ClusterLostError(Exception):
    """The cluster that a study works on is gone. What is done lies in the study's folder."""


def in_one_line(error: BaseException) -> str:
    """An exception as a person is told of it: its type, and the last line of what it says."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[-1] if lines else ''}"[:300]
