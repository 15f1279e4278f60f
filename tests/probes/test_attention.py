"""The attention head: what it can tell that a mean cannot, its budget, and what its answers do not depend on."""

import numpy as np
import pytest
import torch
from torch import Tensor

from scaling.probes import attention as module
from scaling.probes.attention import Clips, Heads, attention_probe, fit, steps_of
from scaling.probes.frames import Frames, FramesFile
from scaling.probes.linear import logistic_probe

CPU = torch.device("cpu")


def rare_events(clips: int, seed: int = 0) -> tuple[Frames, Tensor]:
    """Noise of many lengths, in which one loud frame says the class: lost in a mean."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 3, (clips,), generator=generator)
    kept = FramesFile(8)
    for clip in range(clips):
        length = int(torch.randint(20, 60, (1,), generator=generator))
        frames = torch.randn(1, length, 8, generator=generator)
        at = int(torch.randint(0, length, (1,), generator=generator))
        frames[0, at, :4] = 0.0
        frames[0, at, 3] = 6.0
        frames[0, at, int(y[clip])] = 4.0
        kept.add(np.array([clip]), np.zeros(1, np.int64), frames, torch.tensor([length]))
    return kept.frames(clips), y


def test_it_hears_a_frame_that_a_mean_loses(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "FEWEST_STEPS", 150)
    frames, y = rare_events(400)
    train, val, test = (np.arange(*ends) for ends in ((0, 250), (250, 300), (300, 400)))
    probe = attention_probe(frames, (train, y[train]), (val, y[val]), test, 3, CPU)
    accuracy = (probe.scores.argmax(2) == y[test]).double().mean(1)
    assert accuracy.mean() > 0.85
    assert probe.scores.shape == (3, 100, 3)
    means = torch.stack([f[:n].mean(0) for f, n in zip(*frames.batch(np.arange(400)), strict=True)])
    mean = logistic_probe(means[train], y[train], means[val], y[val], means[test], 3)
    assert (mean.answers == y[test]).double().mean() < accuracy.mean() - 0.15


def test_scores_do_not_depend_on_neighbours_or_on_what_is_held_in_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "FEWEST_STEPS", 20)
    frames, y = rare_events(60)
    clips = Clips(frames, np.arange(60), CPU)
    heads = fit(clips, y, 3, [(1e-2, 0.0)], 0)
    together = heads.scores(clips)
    alone = torch.cat([heads.scores(Clips(frames, np.array([clip]), CPU)) for clip in range(60)], 1)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    monkeypatch.setattr(module, "_IN_MEMORY", 0)
    assert torch.equal(fit(Clips(frames, np.arange(60), CPU), y, 3, [(1e-2, 0.0)], 0).scores(clips), together)


def test_heads_side_by_side_are_those_fitted_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "FEWEST_STEPS", 20)
    frames, y = rare_events(50)
    clips, grid = Clips(frames, np.arange(50), CPU), [(1e-3, 0.0), (1e-2, 1.0)]
    both = fit(clips, y, 3, grid, 1).scores(clips)
    for one, alone in zip(both, grid, strict=True):
        torch.testing.assert_close(one, fit(clips, y, 3, [alone], 1).scores(clips)[0], atol=1e-3, rtol=1e-3)


def test_queries_of_zero_are_the_mean():
    frames, _ = rare_events(10)
    clips = Clips(frames, np.arange(10), CPU)
    heads = Heads(1, 8, 3, 0, clips.moments())
    with torch.no_grad():
        heads.parameters[0].zero_()
    x, lengths = clips.batch(np.arange(10))
    means = torch.stack([f[:n].mean(0) for f, n in zip((x - heads.mean) * heads.inverse_std, lengths, strict=True)])
    expected = means.repeat(1, 4) @ heads.parameters[1][0]
    torch.testing.assert_close(heads(x, lengths)[0], expected, atol=1e-5, rtol=1e-5)


def test_channels_are_standardized_over_all_frames_of_training():
    frames, _ = rare_events(20)
    mean, inverse_std = Clips(frames, np.arange(20), CPU).moments()
    rows = torch.from_numpy(np.asarray(frames.values, np.float32))
    torch.testing.assert_close(mean, rows.mean(0), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(1 / inverse_std, rows.std(0, correction=0), atol=1e-5, rtol=1e-4)


def test_the_budget_is_fixed_by_the_number_of_clips():
    assert steps_of(100) == 100
    assert steps_of(128_000) == 20_000


def test_a_clip_without_frames_has_scores():
    frames = FramesFile(4).frames(2)
    heads = Heads(1, 4, 3, 0, (torch.zeros(4), torch.ones(4)))
    assert heads.scores(Clips(frames, np.arange(2), CPU)).isfinite().all()


def test_what_is_chosen_at_an_end_of_the_grid_is_said() -> None:
    assert module.ends(3e-3, 1.0) == module.ends(1e-3, 1e-2) == ()
    assert module.ends(3e-4, 1.0) == module.ends(3e-2, 1.0) == ("rate",)
    said = module.strength(module.AttentionProbe(torch.zeros(3, 1, 2), 1e-2, 10.0, module.ends(1e-2, 10.0)))
    assert said == "rate 0.01, decay 10, decay at the edge of the grid, 3 probe seeds"
