"""The captioning loss against its formula, what leaks, and two workers against one."""

from dataclasses import replace

import pytest
import torch
from tiny import ENCODER, OBJECTIVES, Pair, random_batch, share
from torch.nn.parallel import DistributedDataParallel

from scaling.models.batch import Batch
from scaling.models.transformer import Transformer
from scaling.objectives.captioning import Captioning
from scaling.objectives.objective import share_of_draws

OPTIONS = OBJECTIVES["captioning"]
SMOOTHING = OPTIONS.label_smoothing


def captioning(autoregressive: float) -> Captioning:
    torch.manual_seed(0)
    return Captioning(replace(OPTIONS, autoregressive=autoregressive), Transformer(ENCODER), 30, {})


def smoothed(logits: torch.Tensor, word: int) -> torch.Tensor:
    """Cross-entropy to 1 - s on the word plus s spread evenly over all words."""
    log_p = logits.double().log_softmax(-1)
    return -(1 - SMOOTHING) * log_p[word] - SMOOTHING * log_p.mean()


@pytest.mark.parametrize("autoregressive", [0.0, 1.0, 0.5])
def test_the_loss_is_the_smoothed_mean_over_words_and_ends(autoregressive: float) -> None:
    module, batch = captioning(autoregressive), random_batch(6)
    loss = module(batch, torch.Generator().manual_seed(3))["loss"]
    chosen = share_of_draws(6, torch.Generator().manual_seed(3)) < autoregressive
    losses = []
    for row in range(6):
        tokens = batch["tokens"][row][batch["tokens"][row] != 0]
        encoded = module.encoder(*(batch[key][row : row + 1] for key in ("features", "lengths")))
        if chosen[row]:
            states = module.decoder.autoregressive(tokens[None, :-1], *encoded)
        else:
            states = module.decoder.parallel(OPTIONS.max_tokens - 1, *encoded)
        logits = module.decoder.logits(states[0])
        losses += [smoothed(logits[i], word) for i, word in enumerate(tokens[1:].tolist())]
    assert loss.item() == pytest.approx(torch.stack(losses).mean().item(), abs=1e-5)


def parallel_logits(module: Captioning, batch: Batch, monkeypatch: pytest.MonkeyPatch) -> torch.Tensor:
    """The logits a parallel step takes its loss from."""
    taken = []

    def noted(states: torch.Tensor) -> torch.Tensor:
        taken.append(type(module.decoder).logits(module.decoder, states))
        return taken[-1]

    monkeypatch.setattr(module.decoder, "logits", noted)
    module(batch, torch.Generator())
    return torch.cat(taken)


def test_other_tokens_and_the_length_do_not_reach_a_parallel_prediction(monkeypatch: pytest.MonkeyPatch) -> None:
    module, batch = captioning(0.0), random_batch(1, words=4)
    logits = parallel_logits(module, batch, monkeypatch)
    assert logits.shape == (5, 30)
    same_length = {**batch, "tokens": torch.tensor([[2, 20, 21, 22, 23, 3]])}
    assert torch.equal(parallel_logits(module, same_length, monkeypatch), logits)
    changed = {**batch, "tokens": torch.tensor([[2, 20, 21, 22, 23, 24, 25, 26, 27, 3]])}
    longer = parallel_logits(module, changed, monkeypatch)
    assert longer.shape == (9, 30)
    # Of another number of rows a matrix product may round its last bit otherwise.
    torch.testing.assert_close(longer[:5], logits, atol=1e-6, rtol=0)


def loss_and_gradients(worker: int, batch: Batch, workers: int) -> tuple[float, dict[str, torch.Tensor]]:
    module = captioning(0.4)
    group = DistributedDataParallel(module) if workers > 1 else module
    loss = group(share(batch, worker, workers), torch.Generator().manual_seed(5))["loss"]
    loss.backward()
    return loss.item(), {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}


# Of two clips at least one worker has none to predict one of the two ways.
@pytest.mark.parametrize("clips", [8, 2])
def test_two_workers_are_one(pair: Pair, clips: int) -> None:
    batch = random_batch(clips, seed=1)
    loss, gradients = loss_and_gradients(0, batch, 1)
    answers = pair.call(loss_and_gradients, batch, 2)
    assert sum(answer[0] for answer in answers) / 2 == pytest.approx(loss, abs=1e-5)
    for _, theirs in answers:
        for name, gradient in gradients.items():
            torch.testing.assert_close(theirs[name], gradient, atol=1e-5, rtol=0)
