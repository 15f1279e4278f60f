"""What is measured of a run's model."""

import itertools
from dataclasses import replace

import pytest
import tiny
import torch
from tiny import tiny_feed, tiny_module, tiny_run

from scaling.data.store import Store
from scaling.models.pooling import masked_mean
from scaling.models.rank_me import rank_me
from scaling.training.measures import measured_holdout, training_flops


@pytest.mark.parametrize("objective", ["contrastive", "captioning"])
def test_what_is_measured_on_the_holdout_depends_on_weights_alone(store: Store, objective: str) -> None:
    losses, ranks = [], []
    for batch_size, seed in itertools.product((3, 8), (0, 1)):
        run = tiny_run(objective, batch_size=batch_size, seed=seed)
        module = tiny_module(replace(run, seed=0), len(store.tokenizer)).train()
        torch.manual_seed(batch_size + seed)
        state = torch.get_rng_state()
        found = measured_holdout(tiny_feed(run, store), module, torch.device("cpu"))
        losses.append(found.loss)
        ranks.append(found.rank_me)
        assert module.training
        # No random number is drawn from what training draws from, and nobody listens on.
        assert torch.equal(state, torch.get_rng_state())
        assert not module.encoder._forward_hooks
    assert losses == pytest.approx([losses[0]] * 4, abs=1e-5)
    assert ranks == pytest.approx([ranks[0]] * 4, rel=1e-4)


def test_the_rank_on_the_holdout_is_that_of_its_embeddings(store: Store) -> None:
    run = tiny_run()
    module, feed = tiny_module(run, len(store.tokenizer)), tiny_feed(run, store)
    module.eval()
    with torch.no_grad():
        means = [masked_mean(*module.encoder(one["features"].float(), one["lengths"])) for one in feed.holdout()]
    expected = rank_me(torch.cat(means))
    found = measured_holdout(feed, module, torch.device("cpu"))
    assert found.rank_me == pytest.approx(expected, rel=1e-4)
    assert 1 <= expected <= module.encoder.width


def test_flops_are_those_of_the_formula(store: Store) -> None:
    run = tiny_run(encoder=replace(tiny.ENCODER, layers=3), crop_seconds=0.5)
    flops = training_flops(run, tiny_feed(run, store), tiny_module(run, len(store.tokenizer)), torch.device("cpu"))
    batch = next(tiny_feed(run, store).holdout())
    frames, words, w = batch["features"].shape[1], batch["tokens"].shape[1], 16
    patches, pairs = (frames + 3) // 4, (frames + 7) // 8
    stem = patches * 4 * 80 * w + pairs * 2 * w * w

    def block(length: int) -> int:
        return 8 * w * w * length + 2 * w * length * length

    joint = 128
    heads = 2 * (w * joint + joint * joint)
    clips = len(batch["lengths"])
    a_clip = stem + 3 * block(pairs) + block(words) + heads + 2 * clips * joint
    assert flops == 3 * 2 * a_clip * run.steps * run.optimization.batch_size
