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
from scaling.models.encoder import Encoder
from scaling.objectives.objective import JointSpace, Objective, workers
from scaling.probes.answers import Answers, Head, Subject
from scaling.probes.embed import embed
from scaling.probes.options import REFERENCES
from scaling.probes.probe import score
from scaling.runs.place import Place
from scaling.runs.provenance import commit, source_hash
from scaling.storage.files import Location, write_json
from scaling.study.run import Run, run_to_json
from scaling.training.attempt import Attempt, Progress
from scaling.training.initialize import Sources, build, first_encoder, first_weights
from scaling.training.loop import CHECKPOINT_SECONDS, train
from scaling.training.measures import parameter_count


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
    module: Objective | None = None
    if run.objective is not None:
        feed, classes = feed_of(run, store, labelled)
        trained_on = feed.store.index[feed.places]
        weights = first_weights(run, Sources(place.runs, place.checkpoints))
        module = build(run, len(store.tokenizer), classes, *weights, store.statistics)
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
    encoder = _encoder(run, store, module)
    cost.setdefault("encoder_parameters", 0 if encoder is None else parameter_count(encoder))
    scores, predictions = _scores(run, store, labelled, encoder, module, device)
    result = {
        "run": run_to_json(run),
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
    """The batches of a run, and the classes of every task that an objective of labels learns."""
    batch_size, crop = run.optimization.batch_size, run.data.crop_seconds
    if run.objective.targets == "labels":
        classes, labels = labelled.label_matrix()
        # What is marked as supervised may have no validation split; its fixed loss is then taken on training
        # clips.
        train_places = labelled.supervised_places("train")
        val_places = labelled.supervised_places("val")
        fixed = val_places if len(val_places) else train_places[: len(store.holdout)]
        places = np.setdiff1d(train_places, fixed)
        return Feed(labelled.store, places, fixed, run.seed, batch_size, crop, 0, labels), classes
    assert isinstance(run.data.clips, int)
    places = store.subset(run.data.clips, run.data.without)
    return Feed(store, places, store.holdout, run.seed, batch_size, crop, run.objective.max_tokens), {}


def _encoder(run: Run, store: Store, module: Objective | None) -> Encoder | None:
    """What is probed: the trained or the untrained encoder; None for a reference with something else in its place."""
    if module is not None:
        return module.encoder
    return None if run.encoder_name in REFERENCES else first_encoder(run, store.statistics)


def _scores(
    run: Run,
    store: Store,
    labelled: LabelledStore,
    encoder: Encoder | None,
    module: Objective | None,
    device: torch.device,
) -> Answers:
    if encoder is None:
        answers: Answers = REFERENCES.builder_of(run.encoder)(labelled, device)
        return answers
    embeddings = embed(labelled.store, labelled.probed, encoder.to(device), run.data.crop_seconds, device)
    head = None
    if isinstance(module, JointSpace):
        head = _head(module, run.objective.max_tokens, store, embeddings, device)
    return score(Subject(labelled, embeddings, head, device))


@torch.no_grad()
def _head(space: JointSpace, max_tokens: int, store: Store, embeddings: torch.Tensor, device: torch.device) -> Head:
    """What a run's own joint space makes of mean frames, and of captions."""

    @torch.no_grad()
    def embed_captions(captions: list[str]) -> torch.Tensor:
        rows = [torch.tensor(store.tokenizer.encode(caption, max_tokens)) for caption in captions]
        padded = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        return torch.cat([space.embed_text(some.to(device)).cpu() for some in torch.split(padded, 256)])

    return Head(space.project_audio(embeddings.to(device)).cpu(), embed_captions)


def mean_accuracy(result: dict[str, Any]) -> float | None:
    """The mean over the classification tasks of a finished run, if it was probed on any."""
    values = [score["value"] for score in result["scores"] if score["metric"] == "accuracy"]
    return sum(values) / len(values) if values else None


def main_score(result: dict[str, Any]) -> str:
    """What a person is shown of a finished run."""
    accuracy = mean_accuracy(result)
    return "done" if accuracy is None else f"{accuracy:.3f} mean accuracy"
