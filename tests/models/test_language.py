"""Causal language models: likelihoods by their definition, whatever is read beside; and models by name."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from scaling.errors import StudyError
from scaling.models.language import LanguageModel, named_model, small_model

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel(small_model(40), lambda text: [int(word) for word in text.split()], [2]).frozen()


def test_a_likelihood_is_the_mean_log_probability_of_its_tokens(model: LanguageModel):
    read, said = [2, 7, 8, 9], [[11], [12, 13, 14], [11, 5]]
    [found] = model.likelihoods([model.embedded(read)], [said])
    for tokens, one in zip(said, found, strict=True):
        logits = model.model(torch.tensor([[*read, *tokens]])).logits[0].log_softmax(1)
        wanted = sum(logits[len(read) - 1 + at, token] for at, token in enumerate(tokens)) / len(tokens)
        assert float(one) == pytest.approx(float(wanted), abs=1e-5)


def test_what_is_read_beside_changes_nothing(model: LanguageModel):
    cases = [([2, 7], [[11], [12]]), ([2, *range(5, 30)], [[3, 4, 5, 6], [9]]), ([2, 9, 9], [[1], [2, 3], [4]])]
    read = [model.embedded(one) for one, _ in cases]
    together = model.likelihoods(read, [said for _, said in cases])
    for before, (_, said), found in zip(read, cases, together, strict=True):
        [alone] = model.likelihoods([before], [said])
        torch.testing.assert_close(torch.stack(alone), torch.stack(found), atol=1e-5, rtol=0)


def write_model(folder: Path, words: int = 300) -> Path:
    """A small model in a folder, as the hub has them."""
    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces.train_from_iterator(
        ["a dog"], trainers.BpeTrainer(vocab_size=300, special_tokens=["<s>"], initial_alphabet=letters)
    )
    small_model(words).save_pretrained(folder)
    pieces.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>"}')
    return folder


def test_a_model_by_name_is_frozen_and_has_its_own_tokenizer(tmp_path: Path):
    model = named_model(str(write_model(tmp_path)), CPU)
    assert model.begin == [0]
    assert not any(one.requires_grad for one in model.parameters())
    [found] = model.likelihoods([model.embedded(model.begin)], [[model.numbers(" a dog"), model.numbers(" a cat")]])
    assert all(float(one) < 0 for one in found)


def test_a_model_that_is_not_there_or_does_not_fit(tmp_path: Path):
    with pytest.raises(StudyError, match="no model of the kind none/such can be made") as refused:
        named_model("none/such", CPU)
    assert "\n" not in str(refused.value)
    with pytest.raises(StudyError, match="tokens, more than its model"):
        named_model(str(write_model(tmp_path, words=100)), CPU)
