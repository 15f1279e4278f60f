"""Text models of the transformers library give what the library itself gives, from this project's numbers."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from public_models import CAPTIONS, PIECES, write_public
from safetensors.torch import load_file
from tiny import BART, BERT
from torch import nn

from scaling.data.subwords import Subwords
from scaling.errors import StudyError
from scaling.models.hub_text import HubDecoder, HubTextEncoder
from scaling.models.tokens import MASK, PAD, own_numbers
from scaling.study.texts import named_text


def public(folder: Path, kind: str, part: Any = "encoder") -> tuple[str, Subwords]:
    """A public model's options and its tokenizer."""
    config = named_text(str(write_public(folder, kind)), part).changes["text_config"]
    described = (folder / "tokenizer.json").read_text()
    return config, Subwords(described, json.loads(config)["special_tokens"])


def padded(rows: list[list[int]], padding: int) -> torch.Tensor:
    return nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=padding)


def theirs(folder: Path, begin: str, end: str) -> list[list[int]]:
    """The public model's own numbers of the captions."""
    from tokenizers import Tokenizer

    pieces = Tokenizer.from_file(str(folder / "tokenizer.json"))
    number = pieces.token_to_id
    return [[number(begin), *pieces.encode(caption).ids, number(end)] for caption in CAPTIONS]


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert", "xlm-roberta", "electra"])
def test_a_public_text_encoder_says_of_captions_what_it_says_in_the_library(kind: str, tmp_path: Path) -> None:
    from transformers import AutoModel

    config, pieces = public(tmp_path, kind)
    encoder = HubTextEncoder(config, len(pieces)).eval()
    encoder.load_state_dict(dict(encoder.with_own_names(load_file(tmp_path / "model.safetensors"), "")))
    rows = theirs(tmp_path, *(("[CLS]", "[SEP]") if kind in PIECES else ("<s>", "</s>")))
    tokens = padded([pieces.encode(caption, 40) for caption in CAPTIONS], PAD)
    padding = 0 if kind in PIECES else 1
    expected = padded(rows, padding)
    assert torch.equal(encoder.numbers[tokens], expected)
    reference = AutoModel.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        states = reference(input_ids=expected, attention_mask=(expected != padding).long()).last_hidden_state
        torch.testing.assert_close(encoder(tokens), states[:, 0])
        torch.testing.assert_close(encoder(tokens[:1, : len(rows[0])]), encoder(tokens)[:1], atol=1e-5, rtol=0)
    assert not any("pooler" in name for name, _ in encoder.named_parameters())


def test_a_public_decoder_says_of_captions_what_it_says_in_the_library(tmp_path: Path) -> None:
    from transformers import BartForConditionalGeneration

    config, pieces = public(tmp_path, "bart", "decoder")
    decoder = HubDecoder(config, 16, len(pieces)).eval()
    decoder.load_state_dict(dict(decoder.with_own_names(load_file(tmp_path / "model.safetensors"), "")))
    frames, lengths = torch.randn(3, 7, 16), torch.tensor([7, 3, 5])
    rows = theirs(tmp_path, "<s>", "</s>")
    tokens = padded([pieces.encode(caption, 40) for caption in CAPTIONS], PAD)
    reference = BartForConditionalGeneration.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        states = reference.model.decoder(
            input_ids=padded(rows, 1),
            encoder_hidden_states=decoder.memory(frames),
            encoder_attention_mask=(torch.arange(7) < lengths[:, None]).long(),
        ).last_hidden_state
        expected = reference.lm_head(states) + reference.final_logits_bias
        logits = decoder.logits(decoder.autoregressive(tokens, frames, lengths))
    own = own_numbers(json.loads(config)["special_tokens"], expected.shape[-1])
    inside = tokens != PAD
    torch.testing.assert_close(logits[inside], expected[..., own][inside])
    assert pieces.text(tokens[1].tolist()) == CAPTIONS[1]


def test_logits_have_the_gradient_of_a_plain_choice_of_columns(tmp_path: Path) -> None:
    config, _ = public(tmp_path, "bart", "decoder")
    decoder = HubDecoder(config, 8)
    states, weights = torch.randn(4, 16, requires_grad=True), torch.randn(4, len(decoder.numbers))
    (decoder.logits(states) * weights).sum().backward()
    table = decoder.model.embed_tokens.weight
    found, mine = states.grad, table.grad
    states.grad = table.grad = None
    (nn.functional.linear(states, table)[:, decoder.numbers] * weights).sum().backward()
    torch.testing.assert_close(found, states.grad)
    torch.testing.assert_close(mine, table.grad)


def test_a_decoder_is_causal_only_where_it_is_to_be() -> None:
    torch.manual_seed(0)
    decoder = HubDecoder(json.dumps(BART), 8).eval()
    tokens, frames, lengths = torch.randint(5, 40, (2, 6)), torch.randn(2, 9, 8), torch.tensor([9, 4])
    states = decoder.autoregressive(tokens, frames, lengths)
    assert decoder.logits(states).shape == (2, 6, 40)
    changed = tokens.clone()
    changed[:, 4:] = 5
    again = decoder.autoregressive(changed, frames, lengths)
    torch.testing.assert_close(again[:, :4], states[:, :4])
    assert not torch.allclose(again[:, 4:], states[:, 4:])
    frames[1, 4:] = 1e3
    torch.testing.assert_close(decoder.autoregressive(tokens, frames, lengths)[1], states[1])
    parallel = decoder.parallel(5, frames, lengths)
    assert parallel.shape == (2, 5, 16)
    assert not torch.allclose(parallel[0, 0], decoder.autoregressive(torch.full((2, 5), MASK), frames, lengths)[0, 0])


@pytest.mark.parametrize("config", ['{"model_type": "gpt9"}', '{"model_type": "bert", "hidden_size": "wide"}'])
def test_what_the_library_cannot_make_is_one_line(config: str) -> None:
    with pytest.raises(StudyError, match="can be made") as refused:
        HubTextEncoder(config)
    assert "\n" not in str(refused.value)


def test_what_does_not_fit_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="it must be bart"):
        HubDecoder(json.dumps(BERT), 8)
    with pytest.raises(StudyError, match="captions have 41 tokens, and their model 40: give a larger vocab_size"):
        HubDecoder(json.dumps(BART), 8, 41)
    write_public(tmp_path, "roberta")
    with pytest.raises(StudyError, match="these weights are of another model: no "):
        HubDecoder(json.dumps(BART), 8).with_own_names(load_file(tmp_path / "model.safetensors"), "")
    with pytest.raises(StudyError, match="these weights are of another model: "):
        HubTextEncoder(json.dumps(BERT)).with_own_names({"head.weight": torch.ones(2)}, "text.")
