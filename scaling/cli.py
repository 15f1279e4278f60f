"""The command of a study, and its exit codes.

0: every run is done and the report is written. 1: a run failed. 2: a request that makes no sense.
130 and 143: stopped by SIGINT or SIGTERM.
"""

import sys
from collections.abc import Callable

from scaling.errors import StudyError
from scaling.options import Options, parse
from scaling.progress import Display
from scaling.signals import Signals, StoppedError
from scaling.start import Start
from scaling.study import Study


def run_study(make: Callable[[Options], Study], description: str | None) -> int:
    """Parse the command line, do the study it describes, and return the exit code."""
    signals = Signals()
    signals.install()
    display = Display()
    try:
        options = parse(description or "")
        return Start(make(options), options, display, signals).work()
    except StudyError as error:
        display.close()
        print(f"error: {error}", file=sys.stderr)
        return 2
    except StoppedError as stopped:
        display.close()
        display.say("stopped: start the same command again and the study goes on where it was")
        return 128 + stopped.number
    finally:
        display.close()
