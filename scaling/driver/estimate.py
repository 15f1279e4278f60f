"""What a study's runs cost, counted and not measured: `--dry-run` where the corpus is not at hand.

Each kind of network is built and hears two clips of the assumed length; nothing else is needed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from scaling.errors import StudyError
from scaling.study.run import Run
from scaling.study.study import Assumed, Study
from scaling.training.initialize import build
from scaling.training.measures import clips_flops, parameter_count

VOCABULARY = 4096
FRAMES_A_SECOND = 100
CLIPS = 2
STATES = 4
"""Numbers of 4 bytes that training keeps of a parameter: itself, its gradient, and two of the optimizer."""


@dataclass(frozen=True)
class NetworkCost:
    """Of one network: its parameters, operations of training on a second of audio, bytes that it keeps of a second."""

    parameters: int
    flops: float
    bytes: float


def network_cost(run: Run, seconds: float) -> NetworkCost:
    """Counted on clips of so many seconds, in float32."""
    module = build(run, VOCABULARY, {}, None, None)
    frames = int(min(seconds, run.data.crop_seconds) * FRAMES_A_SECOND)
    tokens = torch.randint(5, VOCABULARY, (CLIPS, run.objective.max_tokens))
    shape = module.encoder.hears.shape(frames)
    batch = {
        "features": torch.zeros(CLIPS, *shape),
        "lengths": torch.full((CLIPS,), shape[0]),
        "tokens": tokens,
        "caption": torch.arange(CLIPS),
    }
    audio = CLIPS * frames / FRAMES_A_SECOND
    flops = clips_flops(module, batch, torch.device("cpu"))
    parameters = {p.untyped_storage().data_ptr() for p in module.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    module.train()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        losses = module(batch, torch.Generator().manual_seed(0))
    del losses
    return NetworkCost(parameter_count(module), flops / audio, sum(kept.values()) / audio)


def estimates(study: Study, workers: int, tflops: float, gigabytes: float) -> Iterator[str]:
    """One line a run of the grid: its name, then what it costs with so many workers of one GPU each, which do so many
    10^12 operations a second in training and have so much memory.

    Raises `StudyError` where that memory does not suffice.
    """
    assert study.assumed is not None
    counts: Assumed = study.assumed
    mean = counts.hours * 3600 / counts.clips
    study = study.resolve(counts.clips)
    costs: dict[Run, NetworkCost] = {}
    for cell in study.cells:
        run = cell.run
        if run.objective is None or run.objective.targets != "captions":
            continue
        alike = replace(run, data=replace(run.data, clips=0), initialization=type(run.initialization)(), seed=0)
        alike = replace(alike, optimization=type(run.optimization)())
        if alike not in costs:
            costs[alike] = network_cost(alike, mean)
        cost, optimization = costs[alike], run.optimization
        a_step = optimization.batch_seconds or optimization.batch_size * min(mean, run.data.crop_seconds)
        hours = run.steps * a_step / 3600
        states = STATES + (1 if optimization.average_every else 0)
        activations = cost.bytes * a_step / workers / optimization.accumulate
        memory = (4 * states * cost.parameters + activations) / 1e9
        if memory > gigabytes:
            raise StudyError(
                f"{run.name} needs about {memory:,.0f} GB a worker, and a GPU has {gigabytes:g}: give more "
                "--group-workers, or GPUs with more (--gpu-gb)"
            )
        assert isinstance(run.data.clips, int)
        flops = cost.flops * a_step * run.steps
        yield (
            f"{run.name}: {cost.parameters / 1e6:,.1f} M parameters, {flops:.2e} FLOPs, {hours:,.0f} audio-hours, "
            f"{hours / (run.data.clips * mean / 3600):,.1f} passes, {memory:,.0f} GB a worker, "
            f"{flops / (tflops * 1e12) / 3600:,.0f} GPU-hours at {tflops:g} TFLOP/s"
        )
