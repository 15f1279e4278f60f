"""Causal language models: a small one of this project's making, or one of the `transformers` library by name.

What they read before what they say is given as embeddings, so that something else than words can stand among them.
Nothing is fetched, and no code that comes with a model is run.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import nn

from scaling.errors import StudyError
from scaling.models.library import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, making

WIDTH, LAYERS, HEADS = 64, 2, 4
POSITIONS = 4096


class LanguageModel(nn.Module):
    """A causal language model; `numbers` makes numbers of a piece of text, and `begin` are those that a text begins
    with."""

    def __init__(self, model: Any, numbers: Callable[[str], list[int]], begin: Sequence[int]) -> None:
        super().__init__()
        self.model = model
        self.numbers, self.begin = numbers, list(begin)

    @property
    def width(self) -> int:
        """Numbers that an embedding has."""
        return int(self.model.get_input_embeddings().weight.shape[1])

    def embedded(self, numbers: Sequence[int]) -> torch.Tensor:
        """The embeddings of tokens, [tokens, width]."""
        table = self.model.get_input_embeddings()
        return cast(torch.Tensor, table(torch.tensor(numbers, dtype=torch.long, device=table.weight.device)))

    def frozen(self) -> "LanguageModel":
        """Itself, not to be trained."""
        self.requires_grad_(False).eval()
        return self

    def likelihoods(
        self, read: Sequence[torch.Tensor], said: Sequence[Sequence[Sequence[int]]]
    ) -> list[tuple[torch.Tensor, ...]]:
        """The mean log-probability of the tokens of each continuation, a number each, after what was read.

        read: of each case the embeddings of what comes before, [length, width]. said: of each case its continuations,
        as tokens, none empty. All continuations of a case are read at once and do not see each other.
        """
        first, device = [len(one) for one in read], read[0].device
        ahead = [sum(map(len, some)) for some in said]
        whole, kept = max(a + b for a, b in zip(first, ahead, strict=True)), max(ahead) + 1
        embeddings: list[torch.Tensor] = []
        groups: list[list[int]] = []
        places: list[list[int]] = []
        rows: list[int] = []
        seen: list[int] = []
        wanted: list[int] = []
        owners: list[int] = []
        sizes: list[int] = []
        for row, (one, some) in enumerate(zip(read, said, strict=True)):
            # All end together, so that what is said stands in the last places.
            pad = whole - len(one) - ahead[row]
            group, place, at = [-1] * pad + [0] * len(one), [0] * pad + list(range(len(one))), pad + len(one)
            for number, tokens in enumerate(some, start=1):
                group += [number] * len(tokens)
                place += range(len(one), len(one) + len(tokens))
                rows += [row] * len(tokens)
                seen += [pad + len(one) - 1, *range(at, at + len(tokens) - 1)]
                wanted += tokens
                owners += [len(sizes)] * len(tokens)
                sizes.append(len(tokens))
                at += len(tokens)
            words = self.embedded([token for tokens in some for token in tokens])
            embeddings.append(nn.functional.pad(torch.cat([one.to(words.dtype), words]), (0, 0, pad, 0)))
            groups.append(group)
            places.append(place)
        stacked, of = torch.stack(embeddings), torch.tensor(groups, device=device)
        logits = self.model(
            inputs_embeds=stacked,
            attention_mask=_mask(of, stacked.dtype),
            position_ids=torch.tensor(places, device=device),
            use_cache=False,
            logits_to_keep=kept,
        ).logits
        chosen = logits[torch.tensor(rows, device=device), torch.tensor(seen, device=device) - (whole - kept)].float()
        found = -nn.functional.cross_entropy(chosen, torch.tensor(wanted, device=device), reduction="none")
        sums = found.new_zeros(len(sizes)).index_add(0, torch.tensor(owners, device=device), found)
        means = sums / torch.tensor(sizes, device=device)
        return [tuple(some) for some in torch.split(means, [len(some) for some in said])]


def _mask(groups: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """What is added to attention, [n, 1, query, key]: everybody sees what was read before and what is of its own
    continuation, and itself."""
    size = groups.shape[1]
    query, key = groups[:, :, None], groups[:, None, :]
    sees = ((key == 0) | (key == query)) & (key >= 0)
    sees &= torch.ones(size, size, dtype=torch.bool, device=groups.device).tril()
    sees |= torch.eye(size, dtype=torch.bool, device=groups.device)
    return torch.zeros_like(sees, dtype=dtype).masked_fill(~sees, torch.finfo(dtype).min)[:, None]


def small_model(vocabulary: int) -> Any:
    """A causal language model with random weights."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            max_position_embeddings=POSITIONS,
            tie_word_embeddings=False,
        )
    )


def named_model(name: str, device: torch.device) -> LanguageModel:
    """A causal language model by name, from a folder or the hub's local cache, with its own tokenizer; frozen.

    Raises `StudyError` where one of them is not there, or cannot be used.
    """
    ours = {"local_files_only": True, "trust_remote_code": False}
    with making(name):
        tokenizer: Any = AutoTokenizer.from_pretrained(name, **ours)
        model: Any = AutoModelForCausalLM.from_pretrained(name, use_safetensors=True, dtype="auto", **ours)
    if len(tokenizer) > len(model.get_input_embeddings().weight):
        raise StudyError(f"the tokenizer of {name} has {len(tokenizer):,} tokens, more than its model")

    def numbers(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    # A text has to begin with something: there is nothing to hear or to read before the first token.
    begin = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    return LanguageModel(model.to(device), numbers, [] if begin is None else [begin]).frozen()
