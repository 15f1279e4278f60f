"""The training loop: clips a second of the laptop's encoder, beside a bare loop over the same modules and batches.

    python tests/bench/loop.py [--rounds 7]

The laptop's runs (clips of 1.6 s, batches of 64, one thread), contrastive and captioning. The bare loop goes through
batches that are ready in memory: forward, backward, AdamW's step, and nothing else; ours draws, feeds, masks, clips
gradients, watches for what is not finite, logs, takes the loss on the holdout four times and writes its checkpoint. The
rounds alternate, and one more goes first that is not counted; processor time is compared, as other work on the machine
changes the clock more than that.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch
from made_store import made_store

from scaling.data.feed import Feed
from scaling.data.store import Store
from scaling.objectives.objective import Objective
from scaling.objectives.options import CaptioningOptions, ContrastiveOptions
from scaling.study.run import Data, Optimization, Run
from scaling.training.attempt import Attempt
from scaling.training.initialize import build
from scaling.training.loop import train
from scaling.training.optimizers import build_optimizer

CLIPS, FRAMES, BATCH, STEPS = 1024, 161, 64, 200


def ours(run: Run, feed: Feed, module: Objective, folder: Path) -> float:
    """Processor seconds of a run."""
    attempt = Attempt(folder)
    attempt.claim()
    began = time.process_time()
    train(run, feed, module, attempt, checkpoint_seconds=1e9)
    return time.process_time() - began


def bare(run: Run, feed: Feed, module: Objective) -> float:
    """Processor seconds of the same steps, and of nothing else."""
    batches = [{**one, "features": one["features"].float()} for one in map(feed.batch, range(STEPS))]
    optimizer, generator = build_optimizer(module, run), torch.Generator()
    module.train()
    began = time.process_time()
    for batch in batches:
        optimizer.zero_grad(set_to_none=True)
        module(batch, generator)["loss"].backward()
        optimizer.step()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    print("| | clips/s of a core | of the bare loop |\n|---|---:|---:|")
    with tempfile.TemporaryDirectory() as made:
        made_store(Path(made) / "store", CLIPS, FRAMES)
        store = Store(Path(made) / "store")
        for objective in (ContrastiveOptions(), CaptioningOptions()):
            run = Run(objective, Data(CLIPS - 32), optimization=Optimization(steps=STEPS, batch_size=BATCH))
            feed = Feed(store, store.subset(CLIPS - 32), store.holdout, 0, BATCH, run.data.crop_seconds, 24)
            seconds: list[tuple[float, float]] = []
            for turn in range(rounds + 1):
                folder = Path(made) / f"{run.objective_name}-{turn}"
                modules = [build(run, len(store.tokenizer), {}, None, None) for _ in range(2)]
                seconds.append((ours(run, feed, modules[0], folder), bare(run, feed, modules[1])))
            # The first finds cold caches.
            del seconds[0]
            ratio = statistics.median(loop / whole for whole, loop in seconds)
            whole = statistics.median(whole for whole, _ in seconds)
            print(f"| {run.objective_name} | {STEPS * BATCH / whole:,.0f} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
