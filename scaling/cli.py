"""The commands: a study, `scaling report` and `scaling sync`; and their exit codes.

0: every run is done and the report is written. 1: a run failed. 2: a request that makes no sense.
130 and 143: stopped by SIGINT or SIGTERM.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import tyro

from scaling.errors import ClusterLostError, StudyError
from scaling.files import absolute, check_writable
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
    except ClusterLostError as error:
        display.close()
        print(f"error: the cluster is gone ({error}): start the same command on a new one, it goes on", file=sys.stderr)
        return 1
    except StoppedError as stopped:
        display.close()
        display.say("stopped: start the same command again and the study goes on where it was")
        return 128 + stopped.number
    finally:
        display.close()


def report(source: tyro.conf.Positional[str], out: str = "") -> int:
    """Write the report of a study, or of a table of scores from elsewhere.

    A table is a .csv or .parquet file with one score a row and at least the columns objective (the arm's name; "none":
    a reference), clips (unique clips trained on), task, metric, and value (0 to 1, more is better). Where they are
    given, these are used too: seed, audio_init ("scratch", or what it started from), protocol, samples_seen, epochs,
    stderr (of the value, over test clips), n_test, domain, excluded and reason (true and why: left out, and listed).

    Args:
        source: a study's folder (what it was given as --out, or its default), or a table of scores.
        out: for a table, the folder that gets report/. Without one: the folder that the table lies in.
    """
    from scaling.analysis.own_table import is_table
    from scaling.folder import report_on

    place = absolute(source)
    if is_table(source) and isinstance(place, Path):
        from scaling.analysis.report import write_table_report

        folder = Path(out).expanduser().absolute() if out else place.parent
        print(write_table_report(place, folder))
        return 0
    if out:
        raise StudyError("--out is for a table of scores (.csv or .parquet); a study's report lies in its folder")
    check_writable(place)
    print(report_on(place))
    return 0


def sync(folder: tyro.conf.Positional[str], tracking_uri: str = "") -> int:
    """Send to MLflow what it could not be told while a study worked.

    Args:
        folder: what a study was given as --out, or its default.
        tracking_uri: MLflow tracking URI. Without one: SQLite in the study's folder.
    """
    from scaling.folder import recorded_study
    from scaling.recorder import Recorder
    from scaling.tracking import Tracker, tracking_places

    place = absolute(folder)
    uri, artifacts = tracking_places(tracking_uri, place)
    check_writable(place)
    study, study_id, done = recorded_study(place)
    tracker = Tracker(uri, study, study_id, artifacts)
    if not Recorder(tracker, place / "runs", {}, print).settle(done, []):
        return 1
    print(f"MLflow holds all {len(done)} finished runs of {place}")
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
