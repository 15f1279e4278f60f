"""Training learns something: what a stub, or a wrong gradient, could not pass."""

import multiprocessing
from pathlib import Path

import polars as pl
import pytest
import torch
from tiny import tiny_feed, tiny_module, tiny_run, tiny_store

from scaling.data.corpus import ensure_catalogues, open_source
from scaling.data.description import read_description
from scaling.data.embedded import sounds as synthetic
from scaling.data.features import SYNTHETIC
from scaling.data.index import write_index
from scaling.data.parts import write_part
from scaling.data.prepare import catalogue_rows
from scaling.data.store import read_tokenizer
from scaling.runs.folder import StudyFolder
from scaling.runs.perform import perform
from scaling.storage.tables import read_parquet
from scaling.study.run import Run
from scaling.study.study import Corpus
from scaling.training.attempt import Attempt
from scaling.training.loop import train
from studies.data_scale import DataScale, data_scale

LAPTOP = data_scale(DataScale())
LARGEST = max(size for size in LAPTOP.sizes if isinstance(size, int))
PRIMARY = pl.col("metric").is_in(["accuracy", "t2a_recall_at_10"]) & (pl.col("pooling") == "mean")


def write(folder: Path, part: int, part_clips: int) -> None:
    torch.set_num_threads(1)
    description = read_description(folder)
    assert description is not None
    rows = catalogue_rows(folder, part, part_clips)
    write_part(rows, folder, part, read_tokenizer(folder), SYNTHETIC, description.limits)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded corpus up to the largest size of the laptop preset, without Ray."""
    folder = tmp_path_factory.mktemp("embedded")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(synthetic.SPLIT_SIZES, "tagged", 0)
        description = ensure_catalogues(open_source(Corpus()), folder)
    clips = LARGEST + description.holdout
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


@pytest.mark.parametrize("objective", ["contrastive", "captioning"])
def test_a_few_clips_are_told_apart_by_what_is_heard(objective: str, tmp_path: Path):
    masks = {"time_masks": 0, "mel_masks": 0}
    run = tiny_run(objective, steps=300, clips=16, batch_size=16, crop_seconds=2.0, learning_rate=3e-3, **masks)
    store = tiny_store(tmp_path / "store", clips=24)
    feed, module, attempt = tiny_feed(run, store), tiny_module(run, len(store.tokenizer)), Attempt(tmp_path / "run")
    attempt.claim()
    train(run, feed, module, attempt)
    batch = feed.batch(0)
    # The same captions, each beside the sound of another clip.
    other = {**batch, "features": batch["features"].roll(1, 0), "lengths": batch["lengths"].roll(1, 0)}
    with torch.no_grad():
        right, wrong = (module(some, torch.Generator().manual_seed(0))["loss"].item() for some in (batch, other))
    assert right < 0.7 * wrong


@pytest.mark.long
def test_contrastive_at_the_largest_size_beats_the_untrained_encoder_on_three_tasks(store: Path, tmp_path: Path):
    [untrained_run] = [cell.run for cell in LAPTOP.cells if cell.reference == "untrained"]
    [largest_run] = [
        cell.run for cell in LAPTOP.cells if cell.arm == "contrastive, from scratch" and cell.run.data.clips == LARGEST
    ]
    trained, untrained = answers(largest_run, store, tmp_path), answers(untrained_run, store, tmp_path)
    paired = trained.join(untrained, on=["task", "metric", "clip"], suffix="_untrained")
    gain = pl.col("correct") - pl.col("correct_untrained")
    tasks = paired.group_by("task").agg(gain=gain.mean(), stderr=gain.std() / pl.len().sqrt())
    beaten = tasks.filter(pl.col("gain") > 2 * pl.col("stderr"))
    assert tasks.height == 9
    assert beaten.height >= 3, tasks.sort("task")
