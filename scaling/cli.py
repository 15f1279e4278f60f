"""The commands: a study, `scaling rank`, `prepare`, `verify`, `leaks`, `card`, `report`, `plan`, `probe`, `sync` and
`export`; and their exit codes.

0: every run is done and the report is written. 1: a run failed. 2: a request that makes no sense.
130 and 143: stopped by SIGINT or SIGTERM.
"""

import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from types import TracebackType
from typing import Annotated, Literal

import tyro

from scaling.driver.display import Display
from scaling.driver.signals import Signals, StoppedError
from scaling.errors import ClusterLostError, StudyError, without_secrets
from scaling.storage.files import absolute, check_writable, local, on_disk
from scaling.storage.objects import is_outage
from scaling.study.options import Kind, Options, default, parse
from scaling.study.rates import read_rates
from scaling.study.study import Corpus, Study


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

    return _ended(work)


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

    return _ended(work)


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


def _ended(work: Callable[[Display, Signals], int]) -> int:
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


def _corpus(
    manifests: tuple[str, ...],
    audio_root: str,
    tasks: str,
    leaks: tuple[str, ...],
    weights: tuple[str, ...],
    min_seconds: float,
    max_seconds: float,
) -> Corpus:
    """Raises `StudyError` for values that make no sense."""
    options = Options(
        manifests=manifests,
        audio_root=audio_root,
        tasks=tasks,
        leaks=leaks,
        weights=weights,
        min_seconds=min_seconds,
        max_seconds=max_seconds,
    )
    options.check()
    return options.corpus()


def prepare(
    manifests: tuple[str, ...],
    store: str,
    clips: int | Literal["all"] = "all",
    audio_root: str = "",
    tasks: str = "",
    leaks: tuple[str, ...] = (),
    weights: tuple[str, ...] = (),
    min_seconds: float = 1.0,
    max_seconds: float = 60.0,
    encoders: tuple[str, ...] = ("transformer",),
) -> int:
    """Prepare a store without a study; stopped and started again, it goes on. A study of the same corpus and the same
    tasks, whose encoders hear what these do, finds it by --store.

    Args:
        manifests: Lhotse CutSets (.jsonl.gz, .jsonl), tables beside audio (.csv, .parquet), Parquet with audio in it,
            WebDataset archives (.tar): paths, s3:// URIs or quoted globs, each alone or as SOURCE=PATH.
        store: folder of the prepared clips, or s3://bucket/folder; made if absent.
        clips: how many clips to prepare beside the holdout, or all.
        audio_root: folder that relative paths in the manifests start from, or s3://bucket/folder.
        tasks: tasks.toml that names the labelled clips to probe on: what they test on is kept out of the clips.
        leaks: lists of evaluation clips to keep out, as AudioCaps, MusicCaps, VGGSound, Clotho and ESC-50 publish
            theirs, or an id or a file's name a line.
        weights: SOURCE=W: sources that stand W times as dense as others in small subsets.
        min_seconds: clips shorter than this are rejected.
        max_seconds: clips longer than this are rejected.
        encoders: the store holds what these hear, named as in a study: transformer, zipformer-M, or a folder with a
            config.json; log-mels of 80 bins, if nothing is said.
    """
    if isinstance(clips, int) and clips < 1:
        raise StudyError(f"--clips {clips}: it must be at least 1")
    corpus = _corpus(manifests, audio_root, tasks, leaks, weights, min_seconds, max_seconds)
    if not encoders:
        raise StudyError("--encoders needs at least one encoder")
    place = absolute(store)

    def work(display: Display, signals: Signals) -> int:
        from scaling.driver.preparing import prepare_alone

        prepare_alone(corpus, encoders, clips, place, display, signals)
        return 0

    return _ended(work)


def rank(
    manifests: tuple[str, ...],
    store: str,
    audio_root: str = "",
    tasks: str = "",
    leaks: tuple[str, ...] = (),
    weights: tuple[str, ...] = (),
    min_seconds: float = 1.0,
    max_seconds: float = 60.0,
    encoders: tuple[str, ...] = ("transformer",),
) -> int:
    """Read, clean and rank manifests, and say what they hold: the first step of `scaling prepare`, which goes on from
    it with the same arguments. No audio is needed yet.

    Args:
        manifests: Lhotse CutSets (.jsonl.gz, .jsonl), tables beside audio (.csv, .parquet), Parquet with audio in it,
            WebDataset archives (.tar): paths, s3:// URIs or quoted globs, each alone or as SOURCE=PATH.
        store: folder of the catalogue, or s3://bucket/folder; made if absent.
        audio_root: folder that relative paths in the manifests start from, or s3://bucket/folder.
        tasks: tasks.toml that names the labelled clips to probe on: what they test on is kept out of the clips.
        leaks: lists of evaluation clips to keep out, as AudioCaps, MusicCaps, VGGSound, Clotho and ESC-50 publish
            theirs, or an id or a file's name a line.
        weights: SOURCE=W: sources that stand W times as dense as others in small subsets.
        min_seconds: clips shorter than this are rejected.
        max_seconds: clips longer than this are rejected.
        encoders: what the store is for, as for `scaling prepare`.
    """
    corpus = _corpus(manifests, audio_root, tasks, leaks, weights, min_seconds, max_seconds)
    if not encoders:
        raise StudyError("--encoders needs at least one encoder")
    place = absolute(store)

    def work(display: Display, signals: Signals) -> int:
        from scaling.driver.ranking import rank_alone

        rank_alone(corpus, encoders, place, display)
        return 0

    return _ended(work)


def verify(store: tyro.conf.Positional[str]) -> int:
    """Read all of a store, and name each file in which anything is not as it was written.

    Args:
        store: its folder, or s3://bucket/folder.
    """
    from scaling.driver.preparing import damages

    found = 0
    for line in damages(absolute(store)):
        print(line)
        found += 1
    print(f"{found} files of {store} are damaged" if found else f"all of {store} is as it was written")
    return 1 if found else 0


def leaks(store: tyro.conf.Positional[str], tasks: str = "", lists: tuple[str, ...] = (), audio_root: str = "") -> int:
    """Which clips of a prepared store are test or validation clips too, and from which size on a subset has them.

    Args:
        store: its folder, or s3://bucket/folder.
        tasks: tasks.toml that names labelled clips: found by file, by name and by sound.
        lists: lists of evaluation clips, as for `scaling rank --leaks`: found by name.
        audio_root: folder that relative paths of the store's clips start from.
    """
    if not tasks and not lists:
        raise StudyError("scaling leaks looks for the clips of --tasks or --lists: give one")
    from scaling.driver.leaking import leaks as found_leaks

    found = 0
    named = local(tasks) if tasks else None
    for line in found_leaks(absolute(store), named, [local(path) for path in lists], str(absolute(audio_root or "."))):
        print(line)
        found += 1
    print(f"{found} clips of {store} are in evaluation sets" if found else f"no clip of {store} is in one of them")
    return 1 if found else 0


def card(store: tyro.conf.Positional[str], clips: tuple[int, ...] = (), out: str = "") -> int:
    """Write the data card of a prepared store: what its clips and captions are, size by size, and what was left out.

    Args:
        store: its folder, or s3://bucket/folder.
        clips: sizes to describe beside that of all clips.
        out: folder that gets card.md, tables and figures. Without one: card/ in the store's folder.
    """
    from scaling.driver.card import write_card

    place = absolute(store)
    print(write_card(place, clips, absolute(out) if out else place / "card"))
    return 0


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


def probe(
    encoder: tyro.conf.Positional[str],
    out: str,
    tasks: Annotated[str, default("the tasks of the embedded corpus", "PATH")] = "",
    probes: tuple[str, ...] = ("default",),
) -> int:
    """Score an encoder from elsewhere by the rules by which a study scores its runs; --references of a study takes the
    table that this leaves.

    Args:
        encoder: a folder with a config.json of the transformers library and a model.safetensors, or a name on the hub
            whose files are in the local cache. Nothing is fetched.
        out: folder that gets the prepared clips, scores.parquet and predictions.parquet; made if absent.
        tasks: tasks.toml that names the labelled clips.
        probes: names of probes, default or all.
    """
    from scaling.probes.options import named_probes

    names, place = named_probes(probes), absolute(out)
    if tasks and not on_disk(absolute(tasks)):
        raise StudyError(f"--tasks {tasks}: it must be on this machine")
    from scaling.driver.probing import probe_alone

    probe_alone(encoder, tasks, place, names, Display())
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


def export(run: tyro.conf.Positional[str], out: str) -> int:
    """Write the encoder of a finished run as a folder that works without its study: its weights and configuration,
    modules by the contracts of HEAR and X-ARES, and a model card.

    Args:
        run: the folder of a run, in runs/ of a study.
        out: the folder that gets it; made if absent.
    """
    from scaling.driver.export import export as exported

    print(exported(absolute(run), absolute(out)))
    return 0


COMMANDS: dict[str, Callable[..., int]] = {
    "prepare": prepare,
    "rank": rank,
    "verify": verify,
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


def print_without_secrets(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an exception that nobody expected, as Python does."""
    print(without_secrets("".join(traceback.format_exception(kind, error, trace))), file=sys.stderr, end="")
