"""Encoders that have left their study: `from_pretrained` needs torch, safetensors and numpy, and nothing else of what a
study needs. (One of the `transformers` library needs that too.)"""

from scaling.pretrained.encoder import PretrainedEncoder, from_pretrained

__all__ = ["PretrainedEncoder", "from_pretrained"]
