"""What a clip and a step take on this cluster, measured: a few clips of the corpus are prepared and each kind of run
trains a few steps, in the lanes' place and with their resources."""

import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import ray
import torch

from scaling.cluster.connect import lane_count
from scaling.data.corpus import Source, audio_root, ensure_catalogues
from scaling.data.description import CATALOGUE, MANIFEST_REJECTS, Description, intact
from scaling.data.feed import Feed
from scaling.data.index import write_index
from scaling.data.parts import write_part
from scaling.data.store import Store, create_store, read_tokenizer
from scaling.data.subwords import Subwords
from scaling.data.vocabulary import vocabulary_of
from scaling.models.formats import heard_by
from scaling.storage.files import Location
from scaling.storage.tables import read_parquet
from scaling.study.resources import Resources
from scaling.study.run import Run, run_to_json, with_fields
from scaling.study.study import Study
from scaling.training.attempt import Attempt
from scaling.training.initialize import build
from scaling.training.loop import train

MEASURED_CLIPS = 64
MEASURED_STEPS = 12
FIRST_STEPS = 4
"""Steps that are not counted: the first ones pay for allocations and kernels."""


@dataclass(frozen=True)
class Measured:
    """Seconds a clip takes to prepare on one CPU, and seconds a step of each kind of run takes in its lane."""

    seconds_a_clip: float
    seconds_a_step: dict[str, float]
    parameters: dict[str, int]


def kind(run: Run) -> str:
    """Runs that cost the same a step."""
    of = run.optimization
    parts = run_to_json(with_fields(run, {"data.clips": 0, "data.without": (), "optimization.steps": 0}))
    return json.dumps([parts[name] for name in ("objective", "encoder", "data")] + [of.batch_size, of.batch_seconds])


Files = dict[str, bytes]
"""A small store by file name, as it goes from task to task: no folder need be shared, and none is left behind."""


@contextmanager
def laid_down(files: Files) -> Iterator[Path]:
    """A temporary folder with these files."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        yield Path(folder)


def taken_up(folder: Path) -> Files:
    """The files that lie in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def measure_preparation(files: Files, rows: pl.DataFrame, audio: str, of: Description) -> tuple[float, Files]:
    """Write one part of these rows into a store and index it: seconds a clip, and the store."""
    torch.set_num_threads(1)
    with laid_down(files) as folder:
        began = time.monotonic()
        write_part(rows, folder, 0, read_tokenizer(folder), audio, of.limits, of.formats)
        spent = time.monotonic() - began
        write_index(folder)
        return spent / len(rows), taken_up(folder)


def measure_step(
    run: Run, files: Files, checkpoints: Mapping[str, Path], resources: Resources, gpu: bool
) -> tuple[float, int]:
    """Train a few steps on the clips of a prepared store: seconds a step, and parameters of the model."""
    with laid_down(files) as folder:
        return _measure_step(run, Store(folder), checkpoints, resources, gpu)


def _measure_step(
    run: Run, store: Store, checkpoints: Mapping[str, Path], resources: Resources, gpu: bool
) -> tuple[float, int]:
    torch.set_num_threads(resources.threads)
    places = np.arange(len(store))
    labels = np.zeros((len(store), 1), np.int64) if run.objective.targets == "labels" else None
    share = max(1, run.optimization.batch_size // resources.group)
    few = with_fields(run, {"protocol": "equal-steps", "optimization.steps": MEASURED_STEPS,
                            "optimization.batch_size": share})  # fmt: skip
    seconds = run.optimization.batch_seconds / resources.group
    max_tokens = 0 if labels is not None else run.objective.max_tokens
    vocabulary, heard = vocabulary_of(run.objective, store, checkpoints), heard_by(run.encoder)
    subwords = vocabulary if isinstance(vocabulary, Subwords) else None
    crop = run.data.crop_seconds
    feed = Feed(store, places, places[:1], 0, share, crop, max_tokens, labels, seconds, heard, subwords)
    statistics = replace(store.statistics(heard), words=vocabulary.log_frequencies())
    module = build(few, len(vocabulary), {"task": 2}, None, None, statistics)
    times: list[float] = []

    def progress(step: int, rate: float) -> bool:
        times.append(time.monotonic())
        return False

    with tempfile.TemporaryDirectory() as scratch:
        attempt = Attempt(Path(scratch))
        attempt.claim()
        device = torch.device("cuda" if gpu else "cpu")
        cost = train(few, feed, module, attempt, device=device, progress=progress)
    return (times[-1] - times[FIRST_STEPS - 1]) / (len(times) - FIRST_STEPS), cost.parameters


def measure(study: Study, source: Source, catalogue: Location, resources: Resources) -> Measured:
    """Measure on the cluster that Ray is connected to."""
    lanes, gpu = lane_count(resources, len(study.runs))
    description = ensure_catalogues(source, catalogue)
    ranked = read_parquet(intact(catalogue, CATALOGUE)).head(MEASURED_CLIPS)
    small = replace(description, clips=len(ranked), holdout=1)
    with laid_down({}) as scratch:
        create_store(scratch, ranked, read_parquet(intact(catalogue, MANIFEST_REJECTS)).clear(), small)
        begun = taken_up(scratch)
    prepare = ray.remote(num_cpus=1)(measure_preparation)
    a_clip, prepared = ray.get(prepare.remote(begun, ranked, audio_root(study.corpus), small))
    files = ray.put(prepared)
    kind_of_node: dict[str, Any] = {"accelerator_type": resources.accelerator} if resources.accelerator else {}
    step = ray.remote(num_cpus=resources.threads, num_gpus=int(gpu), **kind_of_node)(measure_step)
    a_step, parameters = {}, {}
    for run in {kind(run): run for run in study.runs if run.objective is not None}.values():
        # As many at once as there will be: lanes share caches and memory.
        asked = [step.remote(run, files, study.checkpoints, resources, gpu) for _ in range(lanes)]
        answers = ray.get(asked)
        a_step[kind(run)] = float(np.mean([seconds for seconds, _ in answers]))
        parameters[kind(run)] = answers[0][1]
    return Measured(a_clip, a_step, parameters)
