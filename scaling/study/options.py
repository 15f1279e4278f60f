"""The command line that every study has: its fields, their help and their defaults. A study adds its own."""

import math
import sys
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Literal, TypeVar

import tyro

from scaling.errors import StudyError, without_secrets
from scaling.probes.options import named_probes
from scaling.study.resources import Resources
from scaling.study.study import Corpus


def default(words: str, metavar: str | None = None) -> Any:
    """How `--help` names a default that is no value."""
    return tyro.conf.arg(help_behavior_hint=f"(default: {words})", metavar=metavar)


@dataclass(frozen=True)
class Options:
    preset: Literal["laptop", "smoke"] = "laptop"
    """laptop: the whole grid in minutes on two cores. smoke: two sizes and few steps, to see that everything
    works."""
    out: Annotated[
        str | None, default("~/scaling-studies/<study>-<preset>, for own manifests with a digest of them", "PATH")
    ] = None
    """Folder of the study, or s3://bucket/folder; made if absent, continued if it holds this study."""
    store: Annotated[str | None, default("store/ in the study's folder", "PATH")] = None
    """Folder of the prepared clips, or s3://bucket/folder, to share between studies of one corpus."""
    tracking_uri: Annotated[str | None, default("SQLite in the study's folder", "URI")] = None
    """MLflow tracking URI."""
    clips: Annotated[tuple[int | Literal["all"], ...], default("the preset's")] = ()
    """Sizes in unique clips, or all."""
    seeds: tuple[int, ...] = (0,)
    """Seeds; every further one repeats the grid."""
    manifests: Annotated[tuple[str, ...], default("the embedded corpus")] = ()
    """Lhotse CutSets (.jsonl.gz, .jsonl), tables beside audio (.csv, .parquet), Parquet with audio in it, WebDataset
    archives (.tar): paths, s3:// URIs or quoted globs, each alone or as SOURCE=PATH."""
    audio_root: Annotated[str, default("the working directory", "PATH")] = ""
    """Folder that relative paths in the manifests start from, or s3://bucket/folder."""
    tasks: Annotated[str, default("the tasks of the embedded corpus", "PATH")] = ""
    """tasks.toml that names the labelled clips to probe on; needed with --manifests."""
    leaks: Annotated[tuple[str, ...], default("none", "PATH")] = ()
    """Lists of evaluation clips to keep out of the clips, as AudioCaps, MusicCaps, VGGSound, Clotho and ESC-50 publish
    theirs, or an id or a file's name a line."""
    weights: Annotated[tuple[str, ...], default("1 each", "SOURCE=W")] = ()
    """Sources that stand W times as dense as others in small subsets, until their clips run out."""
    probes: tuple[str, ...] = ("default",)
    """What frozen encoders are scored by: names of probes, default (what takes little of a small run's time) or all.
    Runs that are done already are scored again without being trained again."""
    references: Annotated[tuple[str, ...], default("none", "PATH")] = ()
    """Tables (scores.parquet) that scaling probe has left, as further reference lines."""
    min_seconds: float = 1.0
    """Clips shorter than this are rejected."""
    max_seconds: float = 60.0
    """Clips longer than this are rejected."""
    learning_rates: Annotated[str, default("one for all arms", "FILE")] = ""
    """Learning rates by arm and size, as studies/learning_rate.py has found them."""
    threads: int = 1
    """CPU threads a worker. On a CPU another number gives other last bits."""
    group_workers: int = 1
    """Workers that train one run together, on one node or over several."""
    gpus_per_worker: Annotated[Literal[0, 1] | None, default("1 where the cluster has any", "{0,1}")] = None
    """GPUs of a worker: 1, or 0 to train on CPUs."""
    accelerator_type: Annotated[str, default("any", "TYPE")] = ""
    """Train only on nodes with this accelerator, as Ray names it (H100, A100, ...); every node prepares clips."""
    dry_run: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Say what the study will do and cost, from a minute of measuring, and do nothing."""
    tflops: float = 100.0
    """What a GPU does in training, in 10^12 operations a second: for the estimates of --dry-run without a corpus."""
    measured: Annotated[str | None, default("--tflops", "PATH")] = None
    """Folder of a study done on GPUs, whose runs say instead what a GPU does in training: for the same."""
    gpu_gb: float = 80.0
    """Memory of a GPU, in GB: for the same."""
    lanes: Annotated[int | None, default("as many as there is room for", "INT")] = None
    """Runs that work side by side."""

    def check(self) -> None:
        """Raise `StudyError` for values that make no sense: a number below its least (`LEAST`, else 1; a study's own
        options too), a value named twice, options that do not go together."""
        for each in fields(self):
            values = getattr(self, each.name)
            option = f"--{each.name.replace('_', '-')}"
            several = values if isinstance(values, tuple) else (values,)
            if len(set(several)) < len(several):
                raise StudyError(f"{option} names one value twice: {' '.join(map(str, several))}")
            least = LEAST.get(each.name, 1)
            for value in several:
                if isinstance(value, int) and not isinstance(value, bool) and value < least:
                    raise StudyError(f"{option} {value}: it must be at least {least}")
                if isinstance(value, int | float) and value > MOST:
                    raise StudyError(f"{option} {str(value)[:30]}: it must be at most {MOST}")
        named_probes(self.probes)
        if not self.seeds:
            raise StudyError("--seeds needs at least one seed")
        if not 0 < self.min_seconds <= self.max_seconds <= LONGEST_SECONDS:
            raise StudyError(
                f"--min-seconds {self.min_seconds:g} and --max-seconds {self.max_seconds:g}: "
                f"they must be positive, in order and at most {LONGEST_SECONDS:g}"
            )
        for name in ("tflops", "gpu_gb"):
            if not 0 < getattr(self, name) < math.inf:
                raise StudyError(f"--{name.replace('_', '-')} {getattr(self, name):g}: it must be positive")
        self.corpus()
        for name in ("audio_root", "tasks", "leaks", "weights"):
            if getattr(self, name) and not self.manifests:
                raise StudyError(
                    f"--{name.replace('_', '-')} goes with --manifests: the embedded corpus brings its own"
                )

    def corpus(self) -> Corpus:
        """The corpus that the command line names."""
        return replace(
            Corpus(),
            manifests=self.manifests,
            audio_root=self.audio_root,
            tasks=self.tasks,
            min_seconds=self.min_seconds,
            max_seconds=self.max_seconds,
            leaks=self.leaks,
            weights=tuple(sorted(map(_weight, self.weights))),
        )

    def resources(self) -> Resources:
        """What the study may use."""
        return Resources(self.threads, self.group_workers, self.gpus_per_worker, self.lanes, self.accelerator_type)


def _weight(text: str) -> tuple[str, float]:
    """Raises `StudyError`."""
    name, _, number = text.rpartition("=")
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not name or not 0 < weight < math.inf:
        raise StudyError(f"--weights {text[:100]}: write SOURCE=W, such as clotho=2")
    return name, weight


LEAST = {"seeds": 0, "gpus_per_worker": 0}
MOST = 2**53
"""What every reader of numbers gives back as it was."""
LONGEST_SECONDS = 86_400.0

Kind = TypeVar("Kind", bound=Options)


def parse(kind: type[Kind], description: str, arguments: list[str] | None = None) -> Kind:
    """Options from a command line; `--help` and mistakes exit as is usual."""
    words = sys.argv[1:] if arguments is None else arguments
    if (harmless := list(map(without_secrets, words))) != words:
        # Mistakes are told with the words that were given: of what may be shown.
        tyro.cli(kind, description=description, args=harmless)
    options = tyro.cli(kind, description=description, args=words)
    options.check()
    return options
