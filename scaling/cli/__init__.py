"""The commands: a study, and `scaling download`, `rank`, `prepare`, `verify`, `leaks`, `card`, `report`, `plan`,
`probe`, `sync` and `export`."""

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import wraps

import tyro

from scaling.cli.encoders import export, probe
from scaling.cli.ended import ended, print_without_secrets
from scaling.cli.results import plan, report, sync
from scaling.cli.stores import card, download, leaks, prepare, rank, verify
from scaling.driver.display import Display
from scaling.driver.signals import Signals
from scaling.errors import StudyError, without_secrets
from scaling.storage.files import absolute
from scaling.study.options import Kind, Options, parse
from scaling.study.rates import read_rates
from scaling.study.study import Study


def run_study(make: Callable[[Kind], Study], kind: type[Kind], description: str | None) -> int:
    """Parse the command line into a study's own options, do the study they describe, and return the exit code."""
    sys.excepthook = print_without_secrets

    def work(display: Display, signals: Signals) -> int:
        options = parse(kind, description or "")
        study = with_rates(make(options), options.learning_rates)
        # Torch takes seconds to import; help and mistakes need none of it.
        if study.assumed is not None:
            return _estimated(study, options)
        from scaling.driver.start import Start

        return Start(study, options, display, signals).work()

    return ended(work)


def run_search(
    make: Callable[[Kind], Study],
    space: Callable[[Kind], tuple[float, float, int]],
    kind: type[Kind],
    description: str | None,
) -> int:
    """As `run_study`, for a search of learning rates: `space` gives the lowest, the highest and how many are tried."""
    sys.excepthook = print_without_secrets

    def work(display: Display, signals: Signals) -> int:
        options = parse(kind, description or "")
        if options.learning_rates or options.dry_run:
            raise StudyError(
                f"{'--dry-run' if options.dry_run else '--learning-rates'} is for studies, not for a search"
            )
        study, (lowest, highest, trials) = make(options), space(options)
        from scaling.driver.search import SearchStart
        from scaling.runs.rate_search import Space

        return SearchStart(study, options, Space(lowest, highest, trials), display, signals).work()

    return ended(work)


def with_rates(study: Study, path: str) -> Study:
    """The study with the learning rates of a file, if one is given.

    Raises `StudyError` where they lack an arm, or the study sets rates itself.
    """
    if not path:
        return study
    changed = {axis.field for axis in study.axes}
    changed |= {field for factor in study.factors for changes in factor.levels.values() for field in changes}
    if "optimization.learning_rate" in changed:
        raise StudyError("--learning-rates is for studies that set no learning rates themselves")
    return replace(study, rates=read_rates(path))


def _estimated(study: Study, options: Options) -> int:
    """The runs and their costs, a line each; a study whose corpus is assumed cannot do more."""
    counts = study.assumed
    assert counts is not None
    if not options.dry_run:
        raise StudyError(f"--preset {study.preset} needs --manifests and --tasks; without them there is only --dry-run")
    from scaling.driver.estimate import Given, estimates, measured_rates

    rates = Given(options.tflops) if options.measured is None else measured_rates(absolute(options.measured))
    beside = sum(bool(cell.reference) or cell.run.objective.targets == "labels" for cell in study.cells)
    said = f"assumed: {counts.clips:,} clips of {counts.hours:,.0f} hours, float32"
    print(f"{said}; {beside} references and parents come on top", file=sys.stderr)
    for line in estimates(study, options.resources().group, rates, options.gpu_gb):
        print(line, flush=True)
    return 0


COMMANDS: dict[str, Callable[..., int]] = {
    "prepare": prepare,
    "rank": rank,
    "verify": verify,
    "download": download,
    "leaks": leaks,
    "card": card,
    "report": report,
    "plan": plan,
    "probe": probe,
    "sync": sync,
    "export": export,
}


def main() -> None:
    """The `scaling` command."""
    sys.excepthook = print_without_secrets
    words = sys.argv[1:]
    try:
        if (harmless := list(map(without_secrets, words))) != words:
            # Mistakes are told with the words that were given: of what may be shown.
            _called({name: wraps(command)(lambda *_, **__: 0) for name, command in COMMANDS.items()}, harmless)
        sys.exit(_called(COMMANDS, words))
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def _called(commands: dict[str, Callable[..., int]], words: list[str]) -> int:
    code: int = tyro.extras.subcommand_cli_from_dict(
        commands, description="Scaling studies: what is done before and after one.", args=words
    )
    return code
