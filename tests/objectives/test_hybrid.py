"""A hybrid against its parents, whatever its text side shares, and two workers against one."""

from dataclasses import replace

import pytest
import torch
from tiny import ENCODER, OBJECTIVES, Pair, loss_and_gradients, random_batch

from scaling.errors import StudyError
from scaling.models.transformer import Transformer
from scaling.objectives.captioning import Captioning
from scaling.objectives.contrastive import Contrastive
from scaling.objectives.hybrid import Hybrid
from scaling.objectives.objective import JointSpace
from scaling.objectives.options import HybridOptions

OPTIONS = replace(OBJECTIVES["hybrid"], captioning=0.3)
SHARED = pytest.mark.parametrize("shared", ["nothing", "coca", "mammut"])


def hybrid(**changes: object) -> Hybrid:
    torch.manual_seed(0)
    return Hybrid(replace(OPTIONS, **changes), Transformer(ENCODER), 30, {})


def test_its_loss_is_the_weighted_mean_of_its_parents() -> None:
    module, batch = hybrid(), random_batch(6)
    parents = [
        kind(OBJECTIVES[name], Transformer(ENCODER), 30, {})
        for name, kind in (("contrastive", Contrastive), ("captioning", Captioning))
    ]
    for parent in parents:
        missing, _ = parent.load_state_dict(module.state_dict(), strict=False)
        assert not missing
    losses = module(batch, torch.Generator().manual_seed(3))
    contrastive, captioning = (parent(batch, torch.Generator().manual_seed(3))["loss"].item() for parent in parents)
    assert losses["loss"].item() == pytest.approx(0.7 * contrastive + 0.3 * captioning, abs=1e-5)
    assert losses["contrastive"].item() == pytest.approx(contrastive, abs=1e-5)
    assert losses["captioning"].item() == pytest.approx(captioning, abs=1e-5)


@SHARED
def test_every_weight_of_its_text_side_learns_from_what_it_is_for(shared: str) -> None:
    """Of a shared one both losses reach the same weights; of one that is not, each its own."""

    def reached(captioning: float) -> set[str]:
        module = hybrid(shared=shared, captioning=captioning, autoregressive=0.5)
        module(random_batch(6), torch.Generator().manual_seed(3))["loss"].backward()
        return {name for name, p in module.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}

    contrastive, captioning = reached(0.0), reached(1.0)
    assert contrastive | captioning == {name for name, _ in hybrid(shared=shared).named_parameters()}
    both = {name for name in contrastive & captioning if not name.startswith("encoder.")}
    if shared == "nothing":
        assert not both
    else:
        assert {"decoder.embedding.weight"} < both
    assert not any(name.startswith(("audio_projection", "text_projection")) for name in captioning)


@SHARED
def test_it_has_learned_a_joint_space(shared: str) -> None:
    module, batch = hybrid(shared=shared), random_batch(5)
    assert isinstance(module, JointSpace)
    text = module.embed_text(batch["tokens"])
    torch.testing.assert_close(text.norm(dim=1), torch.ones(5))
    # What stands after a caption's end is nothing.
    longer = torch.nn.functional.pad(batch["tokens"], (0, 3))
    torch.testing.assert_close(module.embed_text(longer), text, atol=1e-5, rtol=0)


@SHARED
def test_two_workers_are_one(pair: Pair, shared: str) -> None:
    options, batch = replace(OPTIONS, shared=shared, learned_temperature=True), random_batch(7)
    loss, gradients = loss_and_gradients(0, options, batch, 1)
    answers = pair.call(loss_and_gradients, options, batch, 2)
    assert sum(answer[0] for answer in answers) / 2 == pytest.approx(loss, abs=1e-5)
    for _, theirs in answers:
        assert theirs.keys() == gradients.keys()
        for name, gradient in gradients.items():
            torch.testing.assert_close(theirs[name], gradient, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"captioning": 1.5}, "captioning 1.5: give a share from 0 to 1"),
        ({"shared": "all"}, "a hybrid that shares all: known are nothing, coca, mammut"),
        ({"shared": "coca", "text_config": "{}"}, "a text side of the transformers library is not shared"),
        ({"temperature": 0.0}, "a temperature of 0: it must be positive"),
    ],
)
def test_options_that_make_no_sense_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(StudyError, match=said):
        HybridOptions(**changes)
