"""The supervised loss: tasks, clips no task knows, and two workers against one."""

import pytest
import torch
from tiny import ENCODER, OBJECTIVES, Pair, random_batch, share
from torch.nn.parallel import DistributedDataParallel

from scaling.models.batch import Batch
from scaling.models.pooling import masked_mean
from scaling.models.transformer import Transformer
from scaling.objectives.supervised import Supervised


def supervised() -> Supervised:
    torch.manual_seed(0)
    return Supervised(OBJECTIVES["supervised"], Transformer(ENCODER), 0, {"a": 3, "b": 4})


def labelled(labels: list[list[int]]) -> Batch:
    batch = random_batch(len(labels))
    return {"features": batch["features"], "lengths": batch["lengths"], "labels": torch.tensor(labels)}


LABELS = [[0, -1], [2, -1], [-1, 3], [1, 0], [-1, -1], [2, -1]]


def test_a_task_is_averaged_over_the_clips_it_knows() -> None:
    module, batch = supervised(), labelled(LABELS)
    pooled = masked_mean(*module.encoder(batch["features"], batch["lengths"]))
    expected = 0.0
    for task, rows in enumerate(([0, 1, 3, 5], [2, 3])):
        log_p = module.heads[task](pooled).log_softmax(-1)
        expected -= sum(log_p[row, LABELS[row][task]].item() for row in rows) / len(rows)
    assert module(batch, torch.Generator())["loss"].item() == pytest.approx(expected, abs=1e-5)


def test_a_task_that_knows_no_clip_adds_nothing() -> None:
    module = supervised()
    one_task, none = labelled([[0, -1], [2, -1]]), labelled([[-1, -1], [-1, -1]])
    loss = module(one_task, torch.Generator())["loss"]
    pooled = masked_mean(*module.encoder(one_task["features"], one_task["lengths"]))
    expected = torch.nn.functional.cross_entropy(module.heads[0](pooled), torch.tensor([0, 2]))
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)
    loss.backward()
    assert module.heads[1].weight.grad is not None
    assert module.heads[1].weight.grad.abs().max() == 0
    assert module(none, torch.Generator())["loss"].item() == 0


def loss_and_gradients(worker: int, batch: Batch, workers: int) -> tuple[float, dict[str, torch.Tensor]]:
    module = supervised()
    group = DistributedDataParallel(module) if workers > 1 else module
    loss = group(share(batch, worker, workers), torch.Generator())["loss"]
    loss.backward()
    return loss.item(), {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}


def test_two_workers_are_one(pair: Pair) -> None:
    # The second task knows clips of the second worker and of the first alike, but not as many.
    batch = labelled(LABELS)
    loss, gradients = loss_and_gradients(0, batch, 1)
    answers = pair.call(loss_and_gradients, batch, 2)
    assert sum(answer[0] for answer in answers) / 2 == pytest.approx(loss, abs=1e-5)
    for _, theirs in answers:
        for name, gradient in gradients.items():
            torch.testing.assert_close(theirs[name], gradient, atol=1e-5, rtol=0)
