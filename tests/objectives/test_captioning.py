"""The captioning loss against its formula, what leaks, and two workers against one."""

from dataclasses import replace

import pytest
import torch
from tiny import ENCODER, OBJECTIVES, Pair, loss_and_gradients, random_batch

from scaling.models.batch import Batch
from scaling.models.transformer import Transformer
from scaling.objectives.captioning import Captioning
from scaling.objectives.objective import share_of_draws

OPTIONS = OBJECTIVES["captioning"]
SMOOTHING = OPTIONS.label_smoothing


def captioning(autoregressive: float, length_leaks: bool = False) -> Captioning:
    torch.manual_seed(0)
    options = replace(OPTIONS, autoregressive=autoregressive, length_leaks=length_leaks)
    return Captioning(options, Transformer(ENCODER), 30, {})


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


def test_the_toolkits_parallel_prediction_is_told_the_length_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    module, batch = captioning(0.0, length_leaks=True), random_batch(1, words=4)
    logits = parallel_logits(module, batch, monkeypatch)
    other_words = {**batch, "tokens": torch.tensor([[2, 20, 21, 22, 23, 3]])}
    assert torch.equal(parallel_logits(module, other_words, monkeypatch), logits)
    longer = {**batch, "tokens": torch.tensor([[2, 20, 21, 22, 23, 24, 25, 3]])}
    assert (parallel_logits(module, longer, monkeypatch)[:5] - logits).abs().max() > 1e-3
    # As it is alone, beside a longer one.
    both = {key: value.repeat(2, *[1] * (value.ndim - 1)) for key, value in batch.items()}
    both["tokens"] = torch.tensor([[2, 20, 21, 22, 23, 3, 0, 0], [2, 20, 21, 22, 23, 24, 25, 3]])
    torch.testing.assert_close(parallel_logits(module, both, monkeypatch)[:5], logits, atol=1e-5, rtol=0)


# Of two clips at least one worker has none to predict one of the two ways.
@pytest.mark.parametrize("clips", [8, 2, 7])
def test_two_workers_are_one(pair: Pair, clips: int) -> None:
    batch = random_batch(clips, seed=1)
    options = replace(OPTIONS, autoregressive=0.4)
    loss, gradients = loss_and_gradients(0, options, batch, 1)
    answers = pair.call(loss_and_gradients, options, batch, 2)
    assert sum(answer[0] for answer in answers) / 2 == pytest.approx(loss, abs=1e-5)
    for _, theirs in answers:
        for name, gradient in gradients.items():
            torch.testing.assert_close(theirs[name], gradient, atol=1e-5, rtol=0)
