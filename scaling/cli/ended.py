"""How what goes on for long ends, and with which exit code.

0: every run is done and the report is written. 1: a run failed. 2: a request that makes no sense.
130 and 143: stopped by SIGINT or SIGTERM.
"""

import sys
import traceback
from collections.abc import Callable
from types import TracebackType

from scaling.driver.display import Display
from scaling.driver.signals import Signals, StoppedError
from scaling.errors import ClusterLostError, StudyError, without_secrets
from scaling.storage.objects import is_outage


def ended(work: Callable[[Display, Signals], int]) -> int:
    """The exit code of what goes on when it is started again, however it ends."""
    signals = Signals()
    signals.install()
    display = Display()
    try:
        return work(display, signals)
    except StudyError as error:
        display.close()
        print(f"error: {error}", file=sys.stderr)
        return 2
    except ClusterLostError as error:
        display.close()
        print(f"error: the cluster is gone ({error}): start the same command on a new one, it goes on", file=sys.stderr)
        return 1
    except Exception as error:
        if not is_outage(error):
            raise
        display.close()
        print("error: the object store does not answer: start the same command again, it goes on", file=sys.stderr)
        return 1
    except StoppedError as stopped:
        display.close()
        display.say("stopped: start the same command again and it goes on where it was")
        return 128 + stopped.number
    finally:
        display.close()


def print_without_secrets(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an exception that nobody expected, as Python does."""
    print(without_secrets("".join(traceback.format_exception(kind, error, trace))), file=sys.stderr, end="")
