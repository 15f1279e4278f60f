"""A public text encoder or decoder, by name, for the probes that train a text side on frozen frames.

As in the field's own setups an encoder is trained on from its public weights, and of a decoder only what listens: how
frames are heard, and the attention to them. Neither drops anything while it is trained.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from scaling.data.subwords import Subwords
from scaling.objectives.options import TextKind
from scaling.study.texts import named_text
from scaling.training.initialize import load_part, read_weights

if TYPE_CHECKING:
    # It takes seconds to import, and most studies need none of it.
    from scaling.models.hub_text import HubDecoder, HubTextEncoder

LISTENING = ("encoder_attn.", "encoder_attn_layer_norm.", "memory.")
"""Of a decoder's parameters those that have to do with frames."""


@dataclass(frozen=True)
class PublicText:
    """A public model: its configuration (JSON), what it reads captions by, its weights under their public names, and a
    digest of these."""

    name: str
    config: str
    tokenizer: Subwords
    weights: Mapping[str, torch.Tensor]
    digest: str

    @classmethod
    def named(cls, name: str, kind: TextKind, captions: Sequence[str]) -> "PublicText":
        """From a folder or the local cache of the hub, with its own tokenizer, or without one a byte-level BPE of these
        captions.

        Raises `StudyError` where it is not at hand, or of another kind.
        """
        found = named_text(name, kind, weights=True)
        config, tokenizer, digest = (found.changes[key] for key in ("text_config", "tokenizer", "text_weights"))
        if tokenizer in found.files:
            special = json.loads(config).get("special_tokens", ())
            pieces = Subwords(found.files[tokenizer].read_text(encoding="utf-8"), special)
        else:
            pieces = Subwords.of_captions(captions, int(tokenizer.rpartition("-")[2]))
        return cls(name, config, pieces, read_weights(found.files[digest]), digest)

    def encoder(self) -> "HubTextEncoder":
        """The text encoder with its public weights."""
        from scaling.models.hub_text import HubTextEncoder

        made = HubTextEncoder(self.config, len(self.tokenizer))
        self._load(made)
        return made

    def decoder(self, width: int) -> "HubDecoder":
        """The decoder with its public weights, of frames of a width; all is frozen but what listens."""
        from scaling.models.hub_text import HubDecoder

        made = HubDecoder(self.config, width, len(self.tokenizer))
        self._load(made)
        for name, parameter in made.named_parameters():
            parameter.requires_grad_(any(part in name for part in LISTENING))
        return made

    def _load(self, made: "HubTextEncoder | HubDecoder") -> None:
        whole = nn.ModuleDict({"text": made})
        load_part(whole, made.with_own_names(self.weights, "text."), "text.", f"the weights of {self.name}")
