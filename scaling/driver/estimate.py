"""What a study's runs cost, counted and not measured: `--dry-run` where the corpus is not at hand.

Each kind of network is built and hears two clips of the assumed length; nothing else is needed.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch

from scaling.errors import StudyError
from scaling.runs.folder import StudyFolder
from scaling.storage.files import Location
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
    named = json.loads(getattr(run.objective, "text_config", "") or "{}")
    words = min(named.get("vocab_size", VOCABULARY), VOCABULARY)
    module = build(run, words, {}, None, None)
    frames = int(min(seconds, run.data.crop_seconds) * FRAMES_A_SECOND)
    tokens = torch.randint(5, words, (CLIPS, run.objective.max_tokens))
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


@dataclass(frozen=True)
class Given:
    """What a GPU does in training, in 10^12 operations a second."""

    tflops: float

    def of(self, objective: str) -> tuple[float, str]:
        """The rate for runs of an objective, and what is said of where it is from."""
        return self.tflops, ""


@dataclass(frozen=True)
class Measured:
    """The same from runs that were done: operations, and seconds of GPUs, by objective; and which GPUs they were."""

    operations: Mapping[str, float]
    seconds: Mapping[str, float]
    device: str

    def of(self, objective: str) -> tuple[float, str]:
        """As `Given.of`; of an objective that was not among them, the rate of all of them together."""
        some = [objective] if objective in self.seconds else list(self.seconds)
        rate = sum(self.operations[each] for each in some) / sum(self.seconds[each] for each in some)
        return rate / 1e12, f", as measured on {self.device}"


def measured_rates(place: Location) -> Measured:
    """What the GPUs of a study's finished runs did in training, checkpoints and waiting for batches included.

    Raises `StudyError` where there are no such runs.
    """
    folder = StudyFolder(place)
    done = [each.result() for each in folder.begun() if each.done]
    trained = [result for result in done if result.cost.flops and result.cost.wall_seconds]
    if not (used := [result for result in trained if result.machine.device != "cpu"]):
        why = "all were trained on CPUs" if trained else "none was trained"
        raise StudyError(f"--measured {place}: of its finished runs {why}: give a study done on GPUs, or --tflops")
    operations: dict[str, float] = {}
    seconds: dict[str, float] = {}
    for result in used:
        name, cost = result.run.objective_name, result.cost
        operations[name] = operations.get(name, 0) + cost.flops
        seconds[name] = seconds.get(name, 0) + cost.wall_seconds * result.machine.workers
    return Measured(operations, seconds, ", ".join(sorted({result.machine.device for result in used})))


def estimates(study: Study, workers: int, rates: Given | Measured, gigabytes: float) -> Iterator[str]:
    """One line a run of the grid: its name, then what it costs with so many workers of one GPU each, which work at
    these rates and have so much memory.

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
        alike = replace(alike, optimization=type(run.optimization)(recompute=run.optimization.recompute))
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
        tflops, origin = rates.of(run.objective_name)
        yield (
            f"{run.name}: {cost.parameters / 1e6:,.1f} M parameters, {flops:.2e} FLOPs, {hours:,.0f} audio-hours, "
            f"{hours / (run.data.clips * mean / 3600):,.1f} passes, {memory:,.0f} GB a worker, "
            f"{flops / (tflops * 1e12) / 3600:,.0f} GPU-hours at {tflops:.4g} TFLOP/s{origin}"
        )
