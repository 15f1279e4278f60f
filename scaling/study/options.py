"""The command line of a study: its fields, their help and their defaults."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from scaling.errors import StudyError
from scaling.study.resources import Resources
from scaling.study.study import Corpus, Run


@dataclass(frozen=True)
class Initialization:
    """The initialized arm: what the encoder and the text side start from, and for how many steps it trains."""

    audio: str
    text: str
    steps: int | None

    def applied(self, template: Run) -> Run:
        """The template of the initialized arm."""
        steps = template.steps if self.steps is None else self.steps
        return replace(template, audio_init=self.audio, text_init=self.text, steps=steps)


def _default(words: str, metavar: str | None = None) -> Any:
    """How `--help` names a default that is no value."""
    return tyro.conf.arg(help_behavior_hint=f"(default: {words})", metavar=metavar)


@dataclass(frozen=True)
class Options:
    preset: Literal["laptop", "smoke"] = "laptop"
    """laptop: the whole grid in minutes on two cores. smoke: two sizes and few steps, to see that everything
    works."""
    out: Annotated[
        str | None, _default("~/scaling-studies/<study>-<preset>, for own manifests with a digest of them", "PATH")
    ] = None
    """Folder of the study, or s3://bucket/folder; made if absent, continued if it holds this study."""
    store: Annotated[str | None, _default("store/ in the study's folder", "PATH")] = None
    """Folder of the prepared clips, or s3://bucket/folder, to share between studies of one corpus."""
    tracking_uri: Annotated[str | None, _default("SQLite in the study's folder", "URI")] = None
    """MLflow tracking URI."""
    clips: Annotated[tuple[int | Literal["all"], ...], _default("the preset's")] = ()
    """Sizes in unique clips, or all."""
    seeds: tuple[int, ...] = (0,)
    """Seeds; every further one repeats the grid."""
    steps: Annotated[int | None, _default("the preset's", "INT")] = None
    """Training steps of every run."""
    audio_init: str = "supervised"
    """What the encoder of the initialized arm starts from: supervised (a run of its own that classifies
    labelled clips first), scratch, or the path of a weights.safetensors."""
    text_init: str = "scratch"
    """What the text side of the initialized arm starts from: scratch, or the path of a weights.safetensors.
    """
    init_steps: Annotated[int | None, _default("as many as from scratch", "INT")] = None
    """Training steps of the initialized arm."""
    manifests: Annotated[tuple[str, ...], _default("the embedded corpus")] = ()
    """Lhotse CutSet manifests (.jsonl.gz), paths or quoted globs."""
    audio_root: Annotated[str, _default("the working directory", "PATH")] = ""
    """Folder that relative paths in the manifests start from."""
    tasks: Annotated[str, _default("the tasks of the embedded corpus", "PATH")] = ""
    """tasks.toml that names the labelled clips to probe on; needed with --manifests."""
    min_seconds: float = 1.0
    """Clips shorter than this are rejected."""
    max_seconds: float = 60.0
    """Clips longer than this are rejected."""
    threads: int = 1
    """CPU threads a worker. On a CPU another number gives other last bits."""
    group_workers: int = 1
    """Workers that train one run together, on one node or over several."""
    gpus_per_worker: Annotated[Literal[0, 1] | None, _default("1 where the cluster has any", "{0,1}")] = None
    """GPUs of a worker: 1, or 0 to train on CPUs."""
    accelerator_type: Annotated[str, _default("any", "TYPE")] = ""
    """Train only on nodes with this accelerator, as Ray names it (H100, A100, ...); every node prepares clips."""
    dry_run: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Say what the study will do and cost, from a minute of measuring, and do nothing."""
    lanes: Annotated[int | None, _default("as many as there is room for", "INT")] = None
    """Runs that work side by side."""

    def check(self) -> None:
        """Raise `StudyError` for values that make no sense."""
        for name in ("clips", "seeds"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                raise StudyError(f"--{name} names one value twice: {' '.join(map(str, values))}")
        if not self.seeds:
            raise StudyError("--seeds needs at least one seed")
        least = {
            "clips": 1,
            "seeds": 0,
            "steps": 1,
            "init_steps": 1,
            "threads": 1,
            "group_workers": 1,
            "lanes": 1,
        }
        for name, low in least.items():
            values = getattr(self, name)
            for value in values if isinstance(values, tuple) else (values,):
                if isinstance(value, int) and value < low:
                    raise StudyError(f"--{name.replace('_', '-')} {value}: it must be at least {low}")
        if not 0 < self.min_seconds <= self.max_seconds:
            raise StudyError(
                f"--min-seconds {self.min_seconds:g} and --max-seconds {self.max_seconds:g}: "
                "they must be positive and in order"
            )
        for name in ("audio_root", "tasks"):
            if getattr(self, name) and not self.manifests:
                raise StudyError(
                    f"--{name.replace('_', '-')} goes with --manifests: the embedded corpus brings its own"
                )

    def adjusted(self, template: Run) -> Run:
        """The preset's template with what the command line changes in it."""
        return template if self.steps is None else replace(template, steps=self.steps)

    def corpus(self, template: Corpus) -> Corpus:
        """The corpus that the command line names."""
        return replace(
            template,
            manifests=self.manifests,
            audio_root=self.audio_root,
            tasks=self.tasks,
            min_seconds=self.min_seconds,
            max_seconds=self.max_seconds,
        )

    def resources(self) -> Resources:
        """What the study may use."""
        return Resources(self.threads, self.group_workers, self.gpus_per_worker, self.lanes, self.accelerator_type)

    def initialization(self) -> tuple[Initialization, dict[str, Path]]:
        """The initialized arm, and where the checkpoints lie that it names.

        A checkpoint is named by a digest of its bytes, so that a run's name holds what it starts from and
        never a path.
        """
        checkpoints: dict[str, Path] = {}

        def named(init: str, known: tuple[str, ...]) -> str:
            if init in known:
                return init
            path = Path(init).expanduser().resolve()
            if not path.is_file():
                raise StudyError(
                    f"no checkpoint at {init}: give {', '.join(known)} or the path of a weights.safetensors"
                )
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=4)).hexdigest()
            checkpoints[f"checkpoint-{digest}"] = path
            return f"checkpoint-{digest}"

        audio = named(self.audio_init, ("supervised", "scratch"))
        text = named(self.text_init, ("scratch",))
        return Initialization(audio, text, self.init_steps), checkpoints


def parse(description: str, arguments: list[str] | None = None) -> Options:
    """Options from a command line; `--help` and mistakes exit as is usual."""
    options = tyro.cli(Options, description=description, args=arguments)
    options.check()
    return options
