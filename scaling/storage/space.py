"""A disk that is full, told in one line wherever it shows."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from scaling.errors import StudyError

FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def room_for(what: str) -> Iterator[None]:
    """Raise `StudyError` where the block fails for want of space, naming what was being written."""
    try:
        yield
    except Exception as error:
        # Polars and safetensors wrap the system's error and leave only its text.
        wrapped = any(f"os error {number}" in str(error) for number in FULL)
        if wrapped or (isinstance(error, OSError) and error.errno in FULL):
            raise StudyError(f"no space left for {what}: free some and start again") from error
        raise
