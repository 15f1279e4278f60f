"""Contrastive and captioning at once, over one encoding of each clip."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from scaling.models.batch import Batch
from scaling.models.encoder import Encoder
from scaling.models.joint_decoders import CocaDecoder, MammutDecoder
from scaling.objectives.captioning import caption_decoder, mean_over_words, start_words, ways_drawn, words_lost
from scaling.objectives.contrastive import info_nce, text_encoder
from scaling.objectives.joint_space import JointObjective, Scale, projection
from scaling.objectives.objective import Found, Losses
from scaling.objectives.options import HybridOptions

if TYPE_CHECKING:
    from scaling.models.decoder import CaptionDecoder
    from scaling.models.hub_text import HubDecoder

SHARED = {"coca": CocaDecoder, "mammut": MammutDecoder}


class Hybrid(JointObjective):
    """The weighted mean of InfoNCE and of the loss of captioning: the encoder's mean frame goes to the one and its
    frames to the other. The text side is two networks, or one for both."""

    def __init__(self, options: HybridOptions, encoder: Encoder, vocabulary: int, classes: Mapping[str, int]) -> None:
        super().__init__(encoder)
        self.options = options
        self.decoder: CaptionDecoder | HubDecoder
        if options.shared == "nothing":
            self.text = text_encoder(options, vocabulary)
            self.decoder = caption_decoder(options, options.decoder_config, vocabulary, encoder.width)
            self.text_part, width = "text. decoder.", self.text.width
        else:
            sizes = options.text_width, options.text_layers, options.text_heads
            self.decoder = SHARED[options.shared](vocabulary, *sizes, encoder.width)
            self.text_part, width = "decoder.", options.text_width
        self.audio_projection = projection(encoder.width, options.joint_width)
        self.text_projection = projection(width, options.joint_width)
        self.scale = Scale(options.temperature, options.learned_temperature)

    def start_from(self, log_frequencies: torch.Tensor) -> None:
        start_words(self.decoder, log_frequencies)

    def drawn(self, batch: Batch, generator: torch.Generator) -> Batch:
        return ways_drawn(batch, self.options, generator)

    def encode_text(self, tokens: torch.Tensor) -> torch.Tensor:
        if isinstance(self.decoder, CocaDecoder | MammutDecoder):
            return self.decoder.text(tokens)
        encoded: torch.Tensor = self.text(tokens)
        return encoded

    def found(self, batch: Batch) -> Found:
        frames, lengths = self.encoder(batch["features"], batch["lengths"])
        words = words_lost(self.decoder, self.options, frames, lengths, batch)
        return {**self.embedded(frames, lengths, batch), **words}

    def losses(self, found: Found) -> Losses:
        contrastive, accuracy = info_nce(found["audio"], found["text"], found["caption"], self.scale())
        captioning, share = mean_over_words(found), self.options.captioning
        return {
            "loss": (1 - share) * contrastive + share * captioning,
            "contrastive": contrastive.detach(),
            "captioning": captioning.detach(),
            "accuracy": accuracy,
        }
