"""Parts of a layer against plain computations."""

import torch

from scaling.models.chances import Chances
from scaling.models.options import ZIPFORMERS
from scaling.models.zipformer_layer import AttentionWeights, Inside, over_time, relative_positions


def test_attention_weights_are_those_of_the_definition() -> None:
    """Frame t weighs frame s by query t times key s, and by what frame t asks of the distance s - t."""
    torch.manual_seed(0)
    sizes = next(ZIPFORMERS["tiny"].stacks())
    part = AttentionWeights(sizes, Chances()).eval()
    x, frames = torch.randn(2, 11, sizes.width), torch.arange(11) < torch.tensor([[11], [6]])
    positions = relative_positions(11, sizes.position_width, x.device)
    weights = part(x, positions, Inside.of(frames, x.dtype), None)
    query, key, asked = part.in_proj(x).split([64, 64, 8], dim=-1)
    distances = part.linear_pos(positions)
    for clip in range(2):
        for head in range(2):
            of_head, of_positions = slice(32 * head, 32 * (head + 1)), slice(4 * head, 4 * (head + 1))
            scores = query[clip, :, of_head] @ key[clip, :, of_head].T
            for t in range(11):
                for s in range(11):
                    scores[t, s] = scores[t, s] + asked[clip, t, of_positions] @ distances[10 - t + s, of_positions]
            expected = scores.masked_fill(~frames[clip], -torch.inf).softmax(dim=-1)
            torch.testing.assert_close(weights[clip, head], expected, atol=1e-5, rtol=1e-4)


def test_a_convolution_over_time_is_one_of_one_dimension() -> None:
    layer = torch.nn.Conv1d(6, 6, 5, padding=2, groups=6)
    x = torch.randn(2, 9, 6)
    torch.testing.assert_close(over_time(x, layer), layer(x.transpose(1, 2)).transpose(1, 2))


def test_near_distances_are_told_apart_and_far_ones_hardly() -> None:
    positions = relative_positions(1000, 48, torch.device("cpu"))
    assert positions.shape == (1999, 48)
    steps = (positions[1:] - positions[:-1]).norm(dim=-1)
    assert steps[998] > 20 * steps[1900]
    assert torch.equal(positions[:, -1], torch.ones(1999))
