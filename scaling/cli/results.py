"""The commands of a study's results: `scaling report`, `plan` and `sync`."""

from typing import Annotated, Literal

import tyro

from scaling.errors import StudyError, without_secrets
from scaling.storage.files import absolute, check_writable, local, on_disk
from scaling.study.options import default


def report(source: tyro.conf.Positional[str], out: str = "", axis: str = "clips", factors: tuple[str, ...] = ()) -> int:
    """Write the report of a study, or of a table of scores from elsewhere.

    A table is a .csv or .parquet file with one score a row and at least the columns objective (the arm's name; "none":
    a reference), clips (unique clips trained on), task, metric, and value (0 to 1, more is better). Where they are
    given, these are used too: seed, reference ("": a run under study), protocol, samples_seen, epochs, parameters,
    flops (of the run: what an advantage is worth in compute), holdout_loss (of the run: whether it predicts the error),
    stderr (of the value, over test clips), n_test, domain, note, excluded and reason (true and why: left out, and
    listed); and of encoder, audio_init, text_init and sources those that vary are compared.

    Args:
        source: a study's folder (what it was given as --out, or its default), or a table of scores.
        out: for a table, the folder that gets report/. Without one: the folder that the table lies in.
        axis: for a table, the column that curves run along.
        factors: for a table, the columns whose values are compared, instead of objective and those that vary.
    """
    from scaling.analysis.scores.own_table import is_table

    place = absolute(source)
    if is_table(source) and on_disk(place):
        from scaling.analysis.report.write import write_table_report

        folder = local(out) if out else place.parent
        print(write_table_report(place, folder, axis, factors))
        return 0
    if out or axis != "clips" or factors:
        name = "--out" if out else "--axis" if axis != "clips" else "--factors"
        raise StudyError(f"{name} is for a table of scores (.csv or .parquet); a study's report lies in its folder")
    # A table needs neither torch nor what else a study's parts do: seconds of loading.
    from scaling.driver.report import report_on

    check_writable(place)
    print(report_on(place))
    return 0


def plan(
    arms: tuple[str, ...] = (),
    sizes: Annotated[tuple[float, ...], tyro.conf.arg(aliases=["--clips"])] = (),
    unit: str = "clips",
    seeds: int = 3,
    noise: float = 0.0,
    samples_seen: float = 0.0,
    hours_per_million: float = 1.0,
    hours_per_run: float = 0.0,
    results: str = "",
    claim: Literal["crossover", "exponents"] = "crossover",
    axis: str = "clips",
    factors: tuple[str, ...] = (),
) -> int:
    """What a study would find and cost, before money is spent; or, with --results, which run to do next.

    Example: scaling plan --arms contrastive:0.1,6,0.4 captioning:0.1,2,0.25 --clips 400000 1000000 4000000 10000000
    --noise 0.02 --samples-seen 64e6 --hours-per-million 2.5

    Where you cannot guess laws (--arms contrastive captioning), what is told is what such a grid would have found of
    two arms of public learning curves.

    Args:
        arms: a guess of each arm's law, NAME:E,A,a for error = E + A size^-a (a share: 0.1 is 10 %), or names alone.
            With --results: the names of the two arms to compare, needed where there are more.
        sizes: places on the axis.
        unit: what sizes count.
        seeds: runs of each arm and size.
        noise: how much ln error varies from seed to seed (0.02: by about 2 %); without, as in public curves. With
            --results it is taken from there.
        samples_seen: clips seen in training by one run, the same at every size. With --results it is taken from there.
        hours_per_million: GPU-hours for a million clips seen; with --results, on average over its arms and sizes.
        hours_per_run: GPU-hours of a run besides.
        results: a study's folder, or a table of scores as for `scaling report`: says which next run narrows the claim
            most for a GPU-hour.
        claim: what the next run is to narrow: where two arms cross, or how far their exponents differ.
        axis: for a table of scores, as for `scaling report`.
        factors: for a table of scores, as for `scaling report`.
    """
    from scaling.analysis.plan.command import plan_grid, plan_next_run
    from scaling.analysis.scores.own_table import is_table

    hours = (hours_per_million, hours_per_run)
    if (axis != "clips" or factors) and not is_table(results):
        name = "--axis" if axis != "clips" else "--factors"
        raise StudyError(f"{name} is for --results with a table of scores (.csv or .parquet)")
    if results:
        print(plan_next_run(results, arms, claim, noise, samples_seen, hours, axis, factors))
    else:
        print(plan_grid(arms, sizes, seeds, noise, samples_seen, hours, unit))
    return 0


def sync(
    folder: tyro.conf.Positional[str],
    tracking_uri: Annotated[str | None, default("SQLite in the study's folder", "URI")] = None,
) -> int:
    """Send to MLflow what it could not be told while a study worked.

    Args:
        folder: what a study was given as --out, or its default.
        tracking_uri: MLflow tracking URI.
    """
    from scaling.driver.recorded import recorded_study
    from scaling.record.place import tracking_places
    from scaling.record.recorder import Recorder
    from scaling.record.tracker import Tracker
    from scaling.runs.folder import StudyFolder

    place = absolute(folder)
    uri, artifacts = tracking_places(tracking_uri, place)
    check_writable(place)
    files = StudyFolder(place)
    study = recorded_study(files)
    tracker = Tracker(uri, study.experiment, study.design, study.study_id, artifacts)
    tracker.check()
    if not Recorder(tracker, study.cells, files, {}, print).settle(study.done, []):
        return 1
    print(f"MLflow holds all {len(study.done)} finished runs of {place}, in {without_secrets(uri)}")
    return 0
