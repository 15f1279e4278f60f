"""Small stores, runs and batches for tests, and two workers that compute together; needs no Ray.

As a program it trains one tiny run and may kill itself after some step:

    python tests/tiny.py STORE RUN_FOLDER OBJECTIVE [KILLED_AFTER]
"""

import functools
import itertools
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import polars as pl
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel

from scaling.data.catalogue import REJECTS, catalogue
from scaling.data.corpus import embedded_clips
from scaling.data.description import Description
from scaling.data.features import SYNTHETIC
from scaling.data.feed import Feed
from scaling.data.index import write_index
from scaling.data.parts import write_part
from scaling.data.store import Store, create_store, read_tokenizer
from scaling.models.batch import Batch
from scaling.models.formats import Format, LogMel, heard_by
from scaling.models.options import TransformerOptions, ZipformerOptions
from scaling.models.transformer import Transformer
from scaling.objectives.objective import Objective
from scaling.objectives.options import OBJECTIVES as KNOWN_OBJECTIVES
from scaling.objectives.options import (
    CaptioningOptions,
    ContrastiveOptions,
    HybridOptions,
    SiglipOptions,
    SupervisedOptions,
    TaggingOptions,
)
from scaling.study.run import Data, Initialization, Optimization, Run, with_fields
from scaling.training.attempt import Attempt
from scaling.training.initialize import build
from scaling.training.loop import train

ENCODER = TransformerOptions(width=16, layers=1, heads=2)
ZIPFORMER = ZipformerOptions(
    layers=(1, 1),
    downsampling=(1, 2),
    widths=(16, 24),
    feed_forward=(16, 16),
    heads=(2, 2),
    kernels=(7, 7),
    unmasked=(8, 8),
    query_head=(4,),
    value_head=(4,),
    position_width=8,
)
BERT: dict[str, Any] = {
    "model_type": "bert", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
    "vocab_size": 40,
}  # fmt: skip
BART: dict[str, Any] = {
    "model_type": "bart", "d_model": 16, "decoder_layers": 1, "decoder_attention_heads": 2, "decoder_ffn_dim": 16,
    "vocab_size": 40, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "decoder_start_token_id": 2,
    "forced_eos_token_id": 3,
}  # fmt: skip
TEXT: dict[str, Any] = {"text_width": 16, "text_layers": 1, "text_heads": 2, "max_tokens": 16}
OBJECTIVES = {
    "contrastive": ContrastiveOptions(**TEXT),
    "captioning": CaptioningOptions(**TEXT),
    "siglip": SiglipOptions(**TEXT),
    "hybrid": HybridOptions(**TEXT),
    "tagging": TaggingOptions(tags=20, max_tokens=16),
    "supervised": SupervisedOptions(),
}
DOTTED = {
    field.name: f"{part}.{field.name}"
    for part, kind in (("data", Data), ("initialization", Initialization), ("optimization", Optimization))
    for field in fields(kind)
}
PART_CLIPS = 16


def tiny_store(folder: Path, clips: int = 40, holdout: int = 8, formats: tuple[Format, ...] = (LogMel(),)) -> Store:
    """A store of the first clips of the embedded corpus, in parts of 16."""
    rows = itertools.islice(embedded_clips(), clips)
    ranked, _ = catalogue(rows, salt="tiny", min_seconds=0.0, max_seconds=60.0)
    description = Description("tiny", len(ranked), holdout, 0.0, 60.0, PART_CLIPS, formats)
    create_store(folder, ranked, pl.DataFrame(schema=REJECTS), description)
    for number in range(-(-len(ranked) // PART_CLIPS)):
        some = ranked.slice(number * PART_CLIPS, PART_CLIPS)
        write_part(some, folder, number, read_tokenizer(folder), SYNTHETIC, description.limits, formats)
    write_index(folder)
    return Store(folder)


def tiny_run(objective: str = "contrastive", **changes: Any) -> Run:
    """A run of 12 steps of 8 out of 24 clips of half a second; `changes` name fields of any part without its name."""
    optimization = Optimization(steps=12, batch_size=8)
    run = Run(OBJECTIVES[objective], Data(24, crop_seconds=0.5), ENCODER, optimization=optimization)
    return with_fields(run, {DOTTED.get(name, name): value for name, value in changes.items()})


def tiny_feed(run: Run, store: Store) -> Feed:
    """The batches of a run that reads captions."""
    assert isinstance(run.data.clips, int)
    places, batch_size = store.subset(run.data.clips), run.optimization.batch_size
    crop, tokens, heard = run.data.crop_seconds, run.objective.max_tokens, heard_by(run.encoder)
    return Feed(store, places, store.holdout, run.seed, batch_size, crop, tokens, heard=heard)


def tiny_module(run: Run, vocabulary: int) -> Objective:
    """The run's objective with its random first weights."""
    return build(run, vocabulary, {}, None, None)


def random_batch(clips: int, *, vocabulary: int = 30, frames: int = 41, words: int = 9, seed: int = 0) -> Batch:
    """Clips and captions of many lengths, no two captions alike; the first clip and caption are the longest."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, frames + 1, (clips,), generator=generator)
    sizes = torch.randint(1, words + 1, (clips,), generator=generator)
    lengths[0], sizes[0] = frames, words
    features = 4.5 * torch.randn(clips, frames, 80, generator=generator) - 5
    tokens = torch.zeros(clips, words + 2, dtype=torch.int64)
    for row, size in enumerate(sizes.tolist()):
        tokens[row, 0] = 2
        tokens[row, 1 : size + 1] = torch.randint(5, vocabulary, (size,), generator=generator)
        tokens[row, size + 1] = 3
    features[torch.arange(frames) >= lengths[:, None]] = 0
    return {"features": features, "lengths": lengths, "tokens": tokens, "caption": torch.arange(clips)}


def share(batch: Batch, worker: int, workers: int) -> Batch:
    """A worker's clips of a batch, dealt as the feed deals them, padded no more than they need."""
    mine = {key: value[worker::workers] for key, value in batch.items()}
    if "tokens" in mine:
        mine["tokens"] = mine["tokens"][:, : int((mine["tokens"] != 0).sum(dim=1).max())]
    mine["features"] = mine["features"][:, : int(mine["lengths"].max())]
    return mine


def loss_and_gradients(
    worker: int, options: Any, batch: Batch, workers: int, at_once: int = 0
) -> tuple[float, dict[str, torch.Tensor]]:
    """The loss of a worker's share of a batch under these options, and the gradients as the group averages them."""
    torch.manual_seed(0)
    module = KNOWN_OBJECTIVES.builder_of(options)(options, Transformer(ENCODER), 30, {})
    module.at_once = at_once
    group = DistributedDataParallel(module) if workers > 1 else module
    loss = group(share(batch, worker, workers), torch.Generator().manual_seed(5))["loss"]
    loss.backward()
    return loss.item(), {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}


class Pair:
    """Two processes in a gloo group; `call` runs a function in both and returns both answers."""

    def __init__(self, folder: Path) -> None:
        context = mp.get_context("spawn")
        self._pipes = [context.Pipe() for _ in range(2)]
        for rank, (_, theirs) in enumerate(self._pipes):
            context.Process(target=_work, args=(rank, folder / "rendezvous", theirs), daemon=True).start()

    def call(self, function: Callable[..., Any], *args: Any) -> list[Any]:
        """`function(worker, *args)` of both workers; an exception comes back as its text."""
        for ours, _ in self._pipes:
            ours.send((function, args))
        answers = []
        for ours, _ in self._pipes:
            assert ours.poll(120), "a worker does not answer"
            answers.append(ours.recv())
        return answers


@functools.cache
def shared_pair() -> Pair:
    """The pair of the whole test session: starting one takes seconds. It ends with the session."""
    return Pair(Path(tempfile.mkdtemp()))


def _work(rank: int, rendezvous: Path, pipe: Any) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2)
    while True:
        function, args = pipe.recv()
        try:
            pipe.send(function(rank, *args))
        except Exception as error:
            pipe.send(f"{type(error).__name__}: {error}")


def main() -> None:
    torch.set_num_threads(1)
    store, folder, objective, *killed_after = sys.argv[1:]
    last = int(killed_after[0]) if killed_after else -1
    run = tiny_run(objective)
    opened = Store(Path(store))
    attempt = Attempt(Path(folder))
    attempt.claim()

    def progress(step: int, rate: float) -> bool:
        if step == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return False

    module = tiny_module(run, len(opened.tokenizer))
    result = train(run, tiny_feed(run, opened), module, attempt, progress=progress, checkpoint_seconds=0.03)
    print(result.weights)


if __name__ == "__main__":
    main()
