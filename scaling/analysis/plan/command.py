"""What `scaling plan` answers: a grid's power and cost, or the next run."""

from pathlib import Path

from scaling.analysis.curves.simulate import Law
from scaling.analysis.plan.grid import Grid
from scaling.analysis.plan.next_run import Question, next_runs, so_far
from scaling.analysis.plan.power import power
from scaling.analysis.plan.text import next_text, power_text, typical_text
from scaling.analysis.plan.typical import typical
from scaling.analysis.scores.own_table import is_table, read_table
from scaling.analysis.scores.study_table import read_study
from scaling.errors import StudyError


def plan_grid(
    arms: tuple[str, ...], sizes: tuple[float, ...], seeds: int, noise: float, samples_seen: float,
    hours: tuple[float, float], unit: str,
) -> str:  # fmt: skip
    """Power and cost of a grid in words.

    Args:
        arms: NAME:E,A,a each, or all names alone: laws as in public curves.
        noise: standard deviation of a run's ln error; 0: as in public curves.
        hours: GPU-hours for a million clips seen, and of a run besides.
        unit: what sizes count.

    Raises:
        StudyError: a grid that makes no sense.
    """
    try:
        laws = tuple(_law(arm) for arm in arms) if any(":" in arm for arm in arms) else arms
        grid = Grid(laws, sizes, seeds, noise, samples_seen, *hours, unit)
    except ValueError as error:
        raise StudyError(f"{error} (see scaling plan --help)") from error
    return power_text(grid, power(grid)) if grid.guessed else typical_text(grid, typical(grid))


def plan_next_run(
    results: str, names: tuple[str, ...], question: Question, noise: float, samples_seen: float,
    hours: tuple[float, float], axis: str = "clips", factors: tuple[str, ...] = (),
) -> str:  # fmt: skip
    """Which run to do next, in words.

    Args:
        results: a study's folder, or a table of scores.
        names: of two arms; may be empty where there are no more.
        noise: standard deviation of a run's ln error; 0: as the results tell it.
        samples_seen: clips seen by the run; 0: as by those so far.
        hours: GPU-hours for a million clips seen (on average over arms and sizes), and of a run besides.
        axis, factors: of a table, as of `read_table`.

    Raises:
        StudyError: results that cannot be read or tell too little, or names that are not there.
    """
    if not all(0 <= v < float("inf") for v in (samples_seen, *hours)):
        raise StudyError("--samples-seen and hours must be finite and not negative")
    place = Path(results).expanduser().absolute()
    known = so_far(*(read_table(place, axis, factors) if is_table(results) else read_study(place)))
    have = [arm.name for arm in known.arms]
    if not names and len(have) == 2:
        names = tuple(have)
    if len(names) != 2 or not set(names) <= set(have):
        raise StudyError(f"--arms must name two of: {'; '.join(have)}")
    one, two = (known.arms[have.index(name)] for name in names)
    noise = noise or known.noise
    if not noise > 0:
        raise StudyError(f"{place}: no size has two seeds, so nothing tells the noise of a run: give it with --noise")

    def cost(arm: str, size: float) -> float:
        found = known.cost.hours(arm, size, *hours, samples_seen)
        if not found >= 0:
            raise StudyError(f"{place}: column samples_seen is not filled: give --samples-seen")
        return found

    try:
        found = next_runs((one, two), noise, question, cost)
    except ValueError as error:
        raise StudyError(f"{error} (see scaling plan --help)") from error
    return next_text(found, question, known, (one.name, two.name), noise)


def _law(arm: str) -> Law:
    """NAME:E,A,a."""
    name, _, numbers = arm.rpartition(":")
    try:
        E, A, a = (float(number) for number in numbers.split(","))
    except ValueError:
        raise StudyError(f"--arms {arm} is no NAME:E,A,a, as in contrastive:0.1,6,0.4") from None
    return Law(name, E, A, a)
