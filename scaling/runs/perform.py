"""What a lane does with a run: train, probe, write the result. Knows nothing of Ray or MLflow."""

import time
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import nn

from scaling.data.feed import Feed
from scaling.data.labelled import LabelledStore
from scaling.data.store import Store, write_parquet
from scaling.errors import StudyError
from scaling.objectives.contrastive import Contrastive
from scaling.objectives.objective import workers
from scaling.probes.embed import embed, log_mel_statistics
from scaling.probes.probe import Head, score_chance, score_embeddings
from scaling.runs.place import Place
from scaling.runs.provenance import commit, source_hash
from scaling.storage.files import Location, write_json
from scaling.study.run import Run
from scaling.training.attempt import Attempt, Progress
from scaling.training.checkpoint import WEIGHTS, latest_checkpoint
from scaling.training.initialize import Weights, build, first_encoder, read_weights
from scaling.training.loop import CHECKPOINT_SECONDS, train


@lru_cache(maxsize=1)
def _stores(place_store: Location, place_labelled: Location) -> tuple[Store, LabelledStore]:
    return Store(place_store), LabelledStore(place_labelled)


def perform(
    run: Run,
    place: Place,
    attempt: Attempt,
    *,
    device: torch.device,
    progress: Progress = lambda step, rate: False,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> dict[str, Any]:
    """Do one run and leave `result.json` in its folder, renamed into place last.

    Every worker of a group calls this; the first one probes and writes. Returns the result (of the first
    worker).
    """
    began = time.monotonic()
    store, labelled = _stores(place.store, place.labelled)
    cost: dict[str, Any] = {
        "samples_seen": 0,
        "epochs": 0.0,
        "wall_seconds": 0.0,
        "parameters": 0,
        "flops": 0.0,
    }
    trained_on = store.index.clear()
    module: nn.Module | None = None
    if run.objective != "none":
        feed, classes = feed_of(run, store, labelled)
        trained_on = feed.store.index[feed.places]
        module = build(run, len(store.tokenizer), classes, *first_weights(run, place), store.statistics)
        cost = train(
            run,
            feed,
            module,
            attempt,
            device=device,
            progress=progress,
            checkpoint_seconds=checkpoint_seconds,
        )
    if attempt.worker != 0:
        return {}
    training_seconds = time.monotonic() - began
    progress(run.steps, 0.0)
    scores, predictions = _scores(run, store, labelled, module, device)
    result = {
        "run": asdict(run),
        "name": run.name,
        "clips": len(trained_on),
        "captions": int(trained_on["captions"].list.len().sum()),
        "hours": float(trained_on["seconds"].sum()) / 3600,
        "cost": cost,
        "scores": [asdict(score) for score in scores],
        "seconds": {"training": training_seconds, "probes": time.monotonic() - began - training_seconds},
        "machine": {
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
            "workers": workers(),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        },
        "store": store.description.fingerprint,
        "source_hash": source_hash(),
        "commit": commit(),
    }
    attempt.still_ours()
    write_parquet(attempt.folder / "predictions.parquet", predictions)
    attempt.still_ours()
    write_json(attempt.folder / "result.json", result)
    return result


def feed_of(run: Run, store: Store, labelled: LabelledStore) -> tuple[Feed, dict[str, int]]:
    """The batches of a run, and the classes of every task the supervised run learns."""
    if run.objective == "supervised":
        classes, labels = labelled.label_matrix()
        # What is marked as supervised may have no validation split; its fixed loss is then taken on training
        # clips.
        train_places = labelled.supervised_places("train")
        val_places = labelled.supervised_places("val")
        fixed = val_places if len(val_places) else train_places[: len(store.holdout)]
        places = np.setdiff1d(train_places, fixed)
        return Feed(labelled.store, places, fixed, run.seed, run.batch_size, run.crop_seconds, 0, labels), classes
    assert isinstance(run.clips, int)
    places = store.subset(run.clips, run.sources)
    return Feed(store, places, store.holdout, run.seed, run.batch_size, run.crop_seconds, run.model.max_tokens), {}


def first_weights(run: Run, place: Place) -> tuple[Weights | None, Weights | None]:
    """The weights that a run's encoder and its text side start from; None is random."""

    def named(init: str) -> Weights | None:
        if init == "scratch":
            return None
        if init == "supervised":
            checkpoint = latest_checkpoint(place.runs / run.parent)
            if checkpoint is None:
                raise StudyError(f"{run.name} starts from {run.parent}, which has left no weights")
            return read_weights(checkpoint / WEIGHTS)
        return read_weights(place.checkpoints[init])

    return named(run.audio_init), named(run.text_init)


def _scores(run: Run, store: Store, labelled: LabelledStore, module: nn.Module | None, device: torch.device) -> Any:
    if run.encoder == "chance":
        return score_chance(labelled)
    if run.encoder == "log-mel":
        return score_embeddings(labelled, log_mel_statistics(labelled.store), None, device)
    encoder = first_encoder(run, store.statistics).to(device) if module is None else module.get_submodule("encoder")
    embeddings = embed(labelled.store, labelled.probed, encoder, run.crop_seconds, device)
    head = _own_head(run, store, embeddings, module, device) if isinstance(module, Contrastive) else None
    return score_embeddings(labelled, embeddings, head, device)


@torch.no_grad()
def _own_head(run: Run, store: Store, embeddings: torch.Tensor, module: Contrastive, device: torch.device) -> Head:
    """A contrastive run's own joint space: what it makes of mean frames, and of captions."""

    @torch.no_grad()
    def embed_captions(captions: list[str]) -> torch.Tensor:
        tokenizer = store.tokenizer
        rows = [torch.tensor(tokenizer.encode(caption, run.model.max_tokens)) for caption in captions]
        padded = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        return torch.cat([module.embed_text(some.to(device)).cpu() for some in torch.split(padded, 256)])

    return module.project_audio(embeddings.to(device)).cpu(), embed_captions


def mean_accuracy(result: dict[str, Any]) -> float | None:
    """The mean over the classification tasks of a finished run, if it was probed on any."""
    values = [score["value"] for score in result["scores"] if score["metric"] == "accuracy"]
    return sum(values) / len(values) if values else None


def main_score(result: dict[str, Any]) -> str:
    """What a person is shown of a finished run."""
    accuracy = mean_accuracy(result)
    return "done" if accuracy is None else f"{accuracy:.3f} mean accuracy"
