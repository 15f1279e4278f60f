"""SpecAugment: how wide, where, and the same for whoever asks with the same seed and step."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import random_batch, tiny_run

from scaling.models.encoder import LOG_MEL_MEAN
from scaling.training.augment import spec_augment

RUN = tiny_run(time_masks=2, time_mask_frames=20, mel_masks=2, mel_mask_bins=12)


def augmented(
    seed: int, clips: int = 8, frames: int = 120, worker: int = 0, workers: int = 1
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    batch = {key: value[worker::workers] for key, value in random_batch(clips, frames=frames).items()}
    generator = torch.Generator().manual_seed(seed)
    out = spec_augment(batch["features"].clone(), batch["lengths"], RUN.data, generator, worker, workers)
    return batch["features"], batch["lengths"], out


def stretches(mask: torch.Tensor) -> int:
    """How many runs of True there are."""
    return int((mask & ~torch.cat([torch.tensor([False]), mask[:-1]])).sum())


@given(st.integers(0, 2**31), st.integers(1, 150))
@settings(max_examples=60, deadline=None)
def test_masks_stay_in_their_bounds(seed: int, frames: int) -> None:
    before, lengths, after = augmented(seed, frames=frames)
    changed = after != before
    assert (after[changed] == LOG_MEL_MEAN).all()
    for row, length in enumerate(lengths.tolist()):
        time, mel = changed[row].all(dim=1), changed[row, :length].all(dim=0)
        # Nothing of a clip is changed but whole frames and whole bins.
        assert torch.equal(changed[row, :length], time[:length, None] | mel[None])
        assert not time[length:].any() or mel.all()
        assert stretches(time[:length]) <= 2
        assert stretches(mel) <= 2 or length == 0
        if not mel.all():
            assert time[:length].sum() <= 2 * min(20, length // 5)
        if not time[:length].all():
            assert mel.sum() <= 24


def test_masks_of_every_width_occur_and_reach_both_ends() -> None:
    mels = torch.cat([(out != before)[:, 0] for before, _, out in (augmented(seed) for seed in range(300))])
    assert mels[:, 0].any()
    assert mels[:, -1].any()
    # Two masks of a mean of six bins, of eighty.
    assert 0.12 < mels.float().mean() < 0.17


def test_the_same_seed_gives_the_same_masks_and_another_seed_others() -> None:
    assert torch.equal(augmented(1)[2], augmented(1)[2])
    assert not torch.equal(augmented(1)[2], augmented(2)[2])


def test_a_clip_is_masked_alike_on_any_number_of_workers() -> None:
    everyone = augmented(3)[2]
    for workers in (2, 4):
        for worker in range(workers):
            assert torch.equal(augmented(3, worker=worker, workers=workers)[2], everyone[worker::workers])


def test_a_waveform_has_the_masks_of_time_of_its_twin() -> None:
    """To the rounding of frames: as many, as wide, at the same places, and nothing of one frame louder than silence."""
    frames, lengths = torch.ones(6, 400, 80), torch.tensor([400, 400, 390, 100, 57, 3])
    masked = spec_augment(frames, lengths, RUN.data, torch.Generator().manual_seed(5), 0, 1)
    of_frames = (masked == LOG_MEL_MEAN).all(dim=2)
    generator = torch.Generator().manual_seed(5)
    samples = spec_augment(torch.ones(6, 64_000), 160 * lengths, RUN.data, generator, 0, 1, 160)
    of_samples = (samples == 0).unflatten(1, (400, 160)).float().mean(dim=2)
    assert (of_frames.float() - of_samples).sum(dim=1).abs().max() <= 4
    assert of_frames.any()
    assert torch.isin(samples, torch.tensor([0.0, 1.0])).all()
