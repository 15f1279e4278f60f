"""What a lane does with a run: train, probe, write the result. Knows nothing of Ray or MLflow."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from scaling.data.feed import Feed
from scaling.data.labelled import LabelledStore
from scaling.data.store import Statistics, Store
from scaling.data.subwords import Subwords
from scaling.data.vocabulary import Vocabulary, vocabulary_of
from scaling.models.encoder import Encoder
from scaling.models.formats import Format, Waveform, heard_by
from scaling.models.rank_me import rank_me
from scaling.objectives.objective import JointSpace, Objective, workers
from scaling.probes.answers import Answers, Head, Subject
from scaling.probes.embed import embed
from scaling.probes.frames import FramesFile
from scaling.probes.once import Made, once
from scaling.probes.options import REFERENCES, named_probes, needs_frames
from scaling.probes.probe import score
from scaling.probes.work import Work
from scaling.runs.folder import RunFolder, StudyFolder
from scaling.runs.provenance import commit, source_hash
from scaling.runs.result import Machine, Result
from scaling.storage.files import Location
from scaling.study.run import Run
from scaling.training.attempt import Attempt, InterruptedRunError, Progress
from scaling.training.cost import Cost
from scaling.training.initialize import Sources, build, first_encoder, first_weights
from scaling.training.loop import CHECKPOINT_SECONDS, train
from scaling.training.measures import parameter_count

ASK_SECONDS = 0.5
"""How often a probe's training asks whether it is to stop."""


class Probed:
    """What is told of probing beside the scores: what each of the named probes took, in seconds and, where it is
    trained step by step, in floating-point operations; and the rank."""

    def __init__(self, names: tuple[str, ...], work: Work) -> None:
        self.names, self.work = names, work
        # All of them, so that a probe without a task of its kind is known to be done.
        self.seconds = dict.fromkeys(names, 0.0)
        self.flops: dict[str, float] = {}
        self.rank_me: float | None = None


class _Asks:
    """After steps of a probe's training: whether the run is to stop, and whether it is time to save."""

    def __init__(self, run: Run, progress: Progress, checkpoint_seconds: float) -> None:
        self.run, self.progress, self.seconds = run, progress, checkpoint_seconds
        self.asked = self.saved = time.monotonic()

    def __call__(self, save: Callable[[], None]) -> None:
        now = time.monotonic()
        if now - self.asked > ASK_SECONDS:
            self.asked = now
            if self.progress(self.run.steps, 0.0):
                save()
                raise InterruptedRunError(self.run.name)
        if now - self.saved > self.seconds:
            save()
            self.saved = time.monotonic()


@lru_cache(maxsize=1)
def stores(folder: Location) -> tuple[Store, LabelledStore]:
    return Store(folder), LabelledStore(folder / "labelled")


def perform(
    run: Run,
    folder: StudyFolder,
    attempt: Attempt,
    *,
    device: torch.device,
    progress: Progress = lambda step, rate: False,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    probes: Sequence[str] = (),
) -> Result | None:
    """Do one run of the study in `folder` and leave its result in the attempt's folder; `probes` are the names of those
    that score it, without any the default ones.

    Every worker of a group calls this; the first one probes, writes and returns the result.
    """
    began = time.monotonic()
    store, _ = stores(folder.store)
    cost = Cost()
    index = store.index
    places: NDArray[np.integer[Any]] = np.empty(0, np.int64)
    module: Objective | None = None
    if run.objective is not None:
        feed, module = begun(run, folder)
        index, places = feed.store.index, feed.places
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
        return None
    training_seconds = time.monotonic() - began
    progress(run.steps, 0.0)
    encoder = _encoder(run, store, module, folder)
    if module is None and encoder is not None:
        cost = replace(cost, encoder_parameters=parameter_count(encoder))
    asks = _Asks(run, progress, checkpoint_seconds)
    work = Work(attempt.folder / "probes", asks, attempt.still_ours, folder.shared)
    probed = Probed(tuple(probes or named_probes()), work)
    scores, predictions = _scores(run, folder, encoder, module, device, probed)
    result = Result(
        run=run,
        clips=len(places),
        captions=int(index.captions[places].sum()),
        hours=float(index.seconds[places].sum(dtype=np.float64)) / 3600,
        cost=cost,
        scores=tuple(scores),
        training_seconds=training_seconds,
        probe_seconds=time.monotonic() - began - training_seconds,
        machine=Machine(
            device=torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
            workers=workers(),
            threads=torch.get_num_threads(),
            torch=torch.__version__,
        ),
        store=store.description.fingerprint,
        source_hash=source_hash(),
        commit=commit(),
        probed=probed.seconds,
        rank_me=probed.rank_me,
        probe_flops=probed.flops,
    )
    RunFolder(attempt.folder).finish(attempt, result, predictions)
    return result


def begun(run: Run, folder: StudyFolder) -> tuple[Feed, Objective]:
    """What a run is trained with: its batches, and its networks with their first weights."""
    store, labelled = stores(folder.store)
    vocabulary = vocabulary_of(run.objective, store, folder.checkpoints)
    feed, classes = feed_of(run, store, labelled, vocabulary)
    weights = first_weights(run, Sources(folder.runs, folder.checkpoints))
    statistics = replace(statistics_of(store, heard_by(run.encoder), folder), words=vocabulary.log_frequencies())
    return feed, build(run, len(vocabulary), classes, *weights, statistics)


def feed_of(run: Run, store: Store, labelled: LabelledStore, vocabulary: Vocabulary) -> tuple[Feed, dict[str, int]]:
    """The batches of a run, and the classes of every task that an objective of labels learns."""
    batch_size, crop, seconds = run.optimization.batch_size, run.data.crop_seconds, run.optimization.batch_seconds
    heard = heard_by(run.encoder)
    if run.objective.targets == "labels":
        classes, labels = labelled.label_matrix()
        # What is marked as supervised may have no validation split; its fixed loss is then taken on training
        # clips.
        train_places = labelled.supervised_places("train")
        val_places = labelled.supervised_places("val")
        fixed = val_places if len(val_places) else train_places[: len(store.holdout)]
        places = np.setdiff1d(train_places, fixed)
        return Feed(labelled.store, places, fixed, run.seed, batch_size, crop, 0, labels, seconds, heard), classes
    assert isinstance(run.data.clips, int)
    subset = store.subset(run.data.clips, run.data.without, run.data.caption_style)
    tokens = run.objective.max_tokens
    feed = Feed(
        store,
        subset,
        store.holdout,
        run.seed,
        batch_size,
        crop,
        tokens,
        None,
        seconds,
        heard,
        vocabulary if isinstance(vocabulary, Subwords) else None,
        caption_style=run.data.caption_style,
        first_caption=run.data.caption_choice == "first",
    )
    return feed, {}


def statistics_of(store: Store, heard: Format, folder: StudyFolder) -> Statistics:
    """Those of the store's holdout, as it is heard: made once a study."""
    words = store.tokenizer.log_frequencies()
    if isinstance(heard, Waveform):
        return Statistics(np.zeros(0, np.float32), np.zeros(0, np.float32), words)

    def make() -> Made:
        made = store.statistics(heard)
        return {"mean": torch.from_numpy(made.mean), "std": torch.from_numpy(made.std)}, {}

    tensors, _ = once(folder.shared, "holdout", f"{store.description.fingerprint} {heard}", make)
    return Statistics(tensors["mean"].numpy(), tensors["std"].numpy(), words)


def _encoder(run: Run, store: Store, module: Objective | None, folder: StudyFolder) -> Encoder | None:
    """What is probed: the trained or the untrained encoder; None for a reference with something else in its place."""
    if module is not None:
        return module.encoder
    if run.encoder_name in REFERENCES:
        return None
    return first_encoder(run, statistics_of(store, heard_by(run.encoder), folder))


def _scores(
    run: Run,
    folder: StudyFolder,
    encoder: Encoder | None,
    module: Objective | None,
    device: torch.device,
    probed: Probed,
) -> Answers:
    store, labelled = stores(folder.store)
    if encoder is None:
        answers: Answers = REFERENCES.builder_of(run.encoder)(labelled, device, probed.names)
        return answers
    began = time.monotonic()
    kept = FramesFile(encoder.width) if needs_frames(probed.names) else None
    embeddings = embed(labelled.store, labelled.probed, encoder.to(device), run.data.crop_seconds, device, kept)
    frames = None if kept is None else kept.frames(len(labelled.store))
    probed.seconds["embedding"] = time.monotonic() - began
    probed.rank_me = rank_me(embeddings[labelled.probed])
    head = None
    if isinstance(module, JointSpace):
        vocabulary = vocabulary_of(run.objective, store, folder.checkpoints)
        head = _head(module, run.objective.max_tokens, vocabulary, embeddings, device)
    subject = Subject(labelled, embeddings, head, device, frames, probed.work)
    return score(subject, probed.names, probed.seconds, probed.flops)


@torch.no_grad()
def _head(
    space: JointSpace, max_tokens: int, vocabulary: Vocabulary, embeddings: torch.Tensor, device: torch.device
) -> Head:
    """What a run's own joint space makes of mean frames, and of captions."""

    @torch.no_grad()
    def embed_captions(captions: list[str]) -> torch.Tensor:
        rows = [torch.tensor(vocabulary.encode(caption, max_tokens)) for caption in captions]
        padded = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        return torch.cat([space.embed_text(some.to(device)).cpu() for some in torch.split(padded, 256)])

    return Head(space.project_audio(embeddings.to(device)).cpu(), embed_captions)
