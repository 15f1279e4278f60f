"""The commands: a study, `scaling report` and `scaling sync`; and their exit codes.

0: every run is done and the report is written. 1: a run failed. 2: a request that makes no sense.
130 and 143: stopped by SIGINT or SIGTERM.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import tyro

from scaling.errors import StudyError
from scaling.options import Options, parse
from scaling.progress import Display
from scaling.signals import Signals, StoppedError
from scaling.study import Study


def run_study(make: Callable[[Options], Study], description: str | None) -> int:
    """Parse the command line, do the study it describes, and return the exit code."""
    signals = Signals()
    signals.install()
    display = Display()
    try:
        options = parse(description or "")
        # Torch takes seconds to import; help and mistakes need none of it.
        from scaling.start import Start

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


def report(folder: tyro.conf.Positional[Path]) -> int:
    """Write the report of a study's folder again from its scores.

    Args:
        folder: what a study was given as --out, or its default.
    """
    from scaling.analysis.report import write_report

    print(write_report(folder.expanduser().resolve()))
    return 0


def sync(folder: tyro.conf.Positional[Path], tracking_uri: str = "") -> int:
    """Send to MLflow what it could not be told while a study worked.

    Args:
        folder: what a study was given as --out, or its default.
        tracking_uri: MLflow tracking URI. Without one: SQLite in the study's folder.
    """
    from scaling.folder import recorded_study
    from scaling.recorder import Recorder
    from scaling.tracking import Tracker

    folder = folder.expanduser().resolve()
    study, study_id, done = recorded_study(folder)
    tracker = Tracker(tracking_uri or f"sqlite:///{folder / 'mlflow.db'}", study, study_id, folder / "mlartifacts")
    provenance = {"study": study.name, "preset": study.preset}
    if not Recorder(tracker, folder / "runs", provenance, print).settle(done, []):
        return 1
    print(f"MLflow holds all {len(done)} finished runs of {folder}")
    return 0


def main() -> None:
    """The `scaling` command."""
    try:
        sys.exit(
            tyro.extras.subcommand_cli_from_dict(
                {"report": report, "sync": sync}, description="Scaling studies: what is done with a finished one."
            )
        )
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
