"""How fast a small Zipformer is trained beside the public implementation of the same configuration, on one CPU thread.

    pip install --no-deps --target FOLDER zipformer==0.1.3
    python tests/bench/zipformer.py --package FOLDER [--clips 64] [--rounds 6]

Forward, backward and AdamW step on clips of 2 s, regularizers at work as they are from 1,000 steps on; the loops take
turns, and the time is that of the CPU, so that neighbours disturb little. The package needs no more than torch for its
encoder; its module of utilities wants libraries for logging and gets an empty stand-in. Prints a Markdown table; the
two must give the same frames.
"""

import argparse
import contextlib
import importlib
import json
import statistics
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from scaling.models.options import ZIPFORMERS
from scaling.models.zipformer import Zipformer, from_public

FRAMES = 201
CONFIG = Path(__file__).resolve().parents[3] / "shared" / "reference" / "zipformer_tiny.json"


class Published(nn.Module):
    """The package's front end and encoder, as its recognizer puts them together."""

    def __init__(self, package: str, config: dict[str, Any]) -> None:
        super().__init__()
        sys.path.insert(0, package)
        whole = types.ModuleType("zipformer")
        whole.__path__ = [f"{package}/zipformer"]
        utilities = types.ModuleType("zipformer.utils")
        utilities.torch_autocast = lambda *_, **__: contextlib.nullcontext()  # type: ignore[attr-defined]
        sys.modules |= {"zipformer": whole, "zipformer.utils": utilities}
        encoder = importlib.import_module("zipformer.modules.zipformer").Zipformer
        front = importlib.import_module("zipformer.modules.subsampling").Conv2dSubsampling
        config = {name: tuple(value) if isinstance(value, list) else value for name, value in config.items()}
        self.encoder_embed = front(config.pop("feature_dim"), config["encoder_dim"][0])
        self.encoder = encoder(**config)

    def forward(self, features: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, lengths = self.encoder_embed(features, lengths)
        frames, lengths = self.encoder(x.transpose(0, 1), lengths, torch.arange(x.shape[1]) >= lengths[:, None])
        return frames.transpose(0, 1), lengths

    def at_step(self, step: int) -> None:
        for part in self.modules():
            if hasattr(part, "batch_count"):
                part.batch_count = float(step)


def loop(network: Any, forward: Callable[..., Any], batch: tuple[torch.Tensor, torch.Tensor]) -> Callable[[int], float]:
    """A training step that returns the CPU's seconds."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, fused=True)

    def step(number: int) -> float:
        began = time.process_time()
        network.at_step(number)
        optimizer.zero_grad()
        forward(*batch)[0].square().mean().backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        return time.process_time() - began

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", required=True)
    parser.add_argument("--clips", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--compiled", action="store_true", help="ours compiled as one graph, beside ours as it is")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = json.loads(CONFIG.read_text())
    published = Published(arguments.package, config).eval()
    batch = torch.randn(arguments.clips, FRAMES, 80), torch.full((arguments.clips,), FRAMES)
    with torch.no_grad():
        ours = from_public(config, published.state_dict())(*batch)[0]
        torch.testing.assert_close(ours, published(*batch)[0], atol=1e-4, rtol=0)
    own = Zipformer(ZIPFORMERS["tiny"]).train()
    steps = {"public": loop(published.train(), published, batch), "this project's": loop(own, own, batch)}
    if arguments.compiled:
        graph = Zipformer(ZIPFORMERS["tiny"]).train()
        steps["compiled"] = loop(graph, torch.compile(graph, fullgraph=True), batch)
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(-1, arguments.rounds):
        for name, step in steps.items():
            seconds = step(1000 + 2000 * max(number, 0))
            if number >= 0:
                taken[name].append(seconds)
    print("| Zipformer | clips/s | of the public one |\n|---|---:|---:|")
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    for name, seconds in medians.items():
        print(f"| {name} | {arguments.clips / seconds:.1f} | {medians['public'] / seconds:.2f} |")


if __name__ == "__main__":
    main()
