"""Which words become tags, the loss against its formula, and two workers against one."""

from dataclasses import replace

import pytest
import torch
from tiny import ENCODER, OBJECTIVES, Pair, loss_and_gradients, random_batch

from scaling.data.tokenizer import Tokenizer
from scaling.errors import StudyError
from scaling.models.pooling import masked_mean
from scaling.models.transformer import Transformer
from scaling.objectives.options import TaggingOptions
from scaling.objectives.tagging import Tagging

OPTIONS = OBJECTIVES["tagging"]


def test_words_of_nearly_every_caption_are_no_tags_and_biases_are_frequencies() -> None:
    captions = ["a dog barks"] * 3 + ["a bell rings", "a dog and a bell", "a", "a drum", "a", "a", "a"]
    tokenizer = Tokenizer.of_captions(captions)
    module = Tagging(replace(OPTIONS, tags=3, common=0.5), Transformer(ENCODER), len(tokenizer), {})
    module.start_from(torch.from_numpy(tokenizer.log_frequencies()))
    words = [tokenizer.words[number - 5] for number in module.tags.tolist()]
    assert words == ["dog", "barks", "bell"]
    # One is added to each count: 4 + 1 of 10 + 1.
    assert module.head.bias[0].sigmoid().item() == pytest.approx(5 / 11, abs=1e-6)


def test_where_there_are_too_few_others_common_words_are_tags_too() -> None:
    tokenizer = Tokenizer.of_captions(["a dog"] * 4)
    module = Tagging(OPTIONS, Transformer(ENCODER), len(tokenizer), {})
    module.start_from(torch.from_numpy(tokenizer.log_frequencies()))
    assert sorted(module.tags.tolist()) == [5, 6]
    assert module.head.bias.isfinite().all()


def test_the_loss_is_a_yes_or_no_a_tag() -> None:
    torch.manual_seed(0)
    module, batch = Tagging(OPTIONS, Transformer(ENCODER), 30, {}), random_batch(6)
    logits = module.head(masked_mean(*module.encoder(batch["features"], batch["lengths"]))).double()
    expected = 0.0
    for row in range(6):
        for at, tag in enumerate(module.tags.tolist()):
            held = tag in batch["tokens"][row].tolist()
            expected -= torch.nn.functional.logsigmoid(logits[row, at] * (1 if held else -1)).item() / 6
    loss = module(batch, torch.Generator())["loss"]
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_gradients_are_those_of_differences() -> None:
    module = Tagging(OPTIONS, Transformer(ENCODER), 30, {})
    held = torch.randint(2, (4, 20)).double()
    logits = torch.randn(4, 20, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(lambda x: module.losses({"logits": x, "held": held})["loss"], (logits,))


@pytest.mark.parametrize("clips", [8, 5])
def test_two_workers_are_one(pair: Pair, clips: int) -> None:
    batch = random_batch(clips)
    loss, gradients = loss_and_gradients(0, OPTIONS, batch, 1)
    answers = pair.call(loss_and_gradients, OPTIONS, batch, 2)
    assert sum(answer[0] for answer in answers) / 2 == pytest.approx(loss, rel=1e-5)
    for _, theirs in answers:
        for name, gradient in gradients.items():
            torch.testing.assert_close(theirs[name], gradient, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("changes", "said"), [({"tags": 0}, "0 tags"), ({"common": -0.1}, "common -0.1")])
def test_options_that_make_no_sense_are_refused(changes: dict[str, float], said: str) -> None:
    with pytest.raises(StudyError, match=said):
        TaggingOptions(**changes)
