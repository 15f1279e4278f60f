"""The laptop study's own largest run learns something: what a stub, or a wrong gradient, could not pass."""

import dataclasses
import multiprocessing
import sys
from pathlib import Path

import polars as pl
import pytest
import torch

from scaling.data.corpus import ensure_catalogues, open_source
from scaling.data.embedded import sounds as synthetic
from scaling.data.parts import part_name, write_part
from scaling.data.prepare import catalogue_rows
from scaling.data.store import read_description, write_index
from scaling.runs.folder import StudyFolder
from scaling.runs.perform import perform
from scaling.storage.tables import read_parquet
from scaling.study.study import Corpus, Run
from scaling.training.attempt import Attempt

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "studies"))
from data_scale import PRESETS

PRIMARY = pl.col("metric").is_in(["accuracy", "t2a_recall_at_10"]) & (pl.col("pooling") == "mean")


def write(folder: Path, part: int, part_clips: int) -> None:
    torch.set_num_threads(1)
    description = read_description(folder)
    assert description is not None
    write_part(catalogue_rows(folder, part, part_clips), folder / part_name(part), "/", description.limits)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded corpus up to the largest size of the laptop preset, without Ray."""
    folder = tmp_path_factory.mktemp("embedded")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(synthetic.SPLIT_SIZES, "tagged", 0)
        description = ensure_catalogues(open_source(Corpus()), folder)
    clips = max(PRESETS["laptop"][1]) + description.holdout
    jobs = [(folder, part, description.part_clips) for part in range(-(-clips // description.part_clips))]
    labelled = read_description(folder / "labelled")
    assert labelled is not None
    parts = -(-labelled.clips // labelled.part_clips)
    jobs += [(folder / "labelled", part, labelled.part_clips) for part in range(parts)]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.starmap(write, jobs, chunksize=1)
    write_index(folder / "labelled", [])
    write_index(folder, [])
    return folder


def answers(run: Run, store: Path, path: Path) -> pl.DataFrame:
    folder = StudyFolder(path, store)
    attempt = Attempt(folder.run(run.name).path)
    attempt.claim()
    perform(run, folder, attempt, device=torch.device("cpu"))
    return read_parquet(folder.run(run.name).predictions).filter(PRIMARY)


def test_contrastive_at_the_largest_size_beats_the_untrained_encoder_on_three_tasks(store: Path, tmp_path: Path):
    template, sizes = PRESETS["laptop"]
    trained = answers(dataclasses.replace(template, clips=max(sizes)), store, tmp_path)
    untrained = answers(dataclasses.replace(template, objective="none", steps=0), store, tmp_path)
    paired = trained.join(untrained, on=["task", "metric", "clip"], suffix="_untrained")
    gain = pl.col("correct") - pl.col("correct_untrained")
    tasks = paired.group_by("task").agg(gain=gain.mean(), stderr=gain.std() / pl.len().sqrt())
    beaten = tasks.filter(pl.col("gain") > 2 * pl.col("stderr"))
    assert tasks.height == 9
    assert beaten.height >= 3, tasks.sort("task")
