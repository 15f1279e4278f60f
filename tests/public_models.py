"""Tiny models as the hub has them: a configuration, weights, and a tokenizer with numbers of its own."""

import json
from pathlib import Path
from typing import Any

# Before transformers, whose torchaudio it leaves out.
from scaling.models.library import AUDIO, configuration

# isort: split
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModel, BartForConditionalGeneration

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
CAPTIONS = ["a dog barks twice", "a man speaks while rain falls", "two birds sing in the rain"]
SHAPES: dict[str, dict[str, Any]] = {
    "bert": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
             "max_position_embeddings": 40},
    "roberta": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
                "max_position_embeddings": 42, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2},
    "distilbert": {"dim": 16, "hidden_dim": 16, "n_layers": 1, "n_heads": 2, "max_position_embeddings": 40},
    "xlm-roberta": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
                    "max_position_embeddings": 42, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2},
    "electra": {"embedding_size": 8, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
                "intermediate_size": 16, "max_position_embeddings": 40},
    "bart": {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
             "decoder_attention_heads": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "max_position_embeddings": 40},
}  # fmt: skip
PROJECT_BINS: dict[str, dict[str, Any]] = {
    "audio-spectrogram-transformer": {
        "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
        "num_mel_bins": 80, "max_length": 100,
    },
    "whisper": {
        "d_model": 16, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 16,
        "max_source_positions": 50, "vocab_size": 60_000,
    },
    "clap_audio_model": {
        "spec_size": 160, "num_mel_bins": 80, "patch_embeds_hidden_size": 8, "depths": [1, 1], "hidden_size": 16,
        "num_attention_heads": [1, 2], "window_size": 5, "enable_fusion": False,
    },
}  # fmt: skip
"""Audio encoders that see this project's 80 bins."""
OWN_BINS: dict[str, dict[str, Any]] = {
    "audio-spectrogram-transformer": {**PROJECT_BINS["audio-spectrogram-transformer"], "num_mel_bins": 128},
    "whisper": {**PROJECT_BINS["whisper"], "num_mel_bins": 128, "max_source_positions": 1500},
    "clap_audio_model": {
        **PROJECT_BINS["clap_audio_model"], "spec_size": 256, "num_mel_bins": 64, "window_size": 8,
    },
}  # fmt: skip
"""The same with as many as are usual for them."""
SAMPLES: dict[str, Any] = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16,
    "conv_dim": [8, 8], "conv_kernel": [10, 8], "conv_stride": [5, 64], "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2,
}  # fmt: skip
"""wav2vec 2.0 and what has its form."""
PIECES = ("bert", "distilbert", "electra")
"""Those with word pieces; the others have byte pairs, but XLM-R, which has a unigram model."""


def write_public(folder: Path, kind: str, tokenizer: bool = True) -> Path:
    """A model of a kind in a folder, its numbers drawn."""
    folder.mkdir(parents=True, exist_ok=True)
    pieces = _pieces() if kind in PIECES else _unigrams() if kind == "xlm-roberta" else _byte_pairs()
    config = AutoConfig.for_model(kind, vocab_size=pieces.get_vocab_size(), **SHAPES[kind])
    torch.manual_seed(1)
    made = BartForConditionalGeneration if kind == "bart" else AutoModel.from_config
    model = made(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        if kind == "bart":
            model.final_logits_bias.normal_()
    model.save_pretrained(folder)
    if tokenizer:
        pieces.save(str(folder / "tokenizer.json"))
        begin, end, padding, unknown, mask = (
            ("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]")
            if kind in PIECES
            else ("<s>", "</s>", "<pad>", "<unk>", "<mask>")
        )
        said = {"cls_token": begin, "sep_token": end, "pad_token": padding, "unk_token": unknown, "mask_token": mask}
        (folder / "special_tokens_map.json").write_text(json.dumps(said))
    return folder


def write_audio(folder: Path, kind: str) -> Path:
    """An audio encoder of a kind in a folder, without a description of its extractor; it hears 4 s or more."""
    longer = {"max_length": 416} if kind == "audio-spectrogram-transformer" else {}
    config = configuration({"model_type": kind, **OWN_BINS.get(kind, SAMPLES), **longer})
    torch.manual_seed(3)
    AUDIO[kind](config).save_pretrained(folder)
    return folder


def _pieces() -> Tokenizer:
    words = sorted({word for caption in CAPTIONS for word in caption.split()})
    letters = [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    listed = ["[PAD]", "[unused0]", "dog", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, *"abcdefghijklmnopqrstuvwxyz"]
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys([*listed, *letters]))}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    return made


def _unigrams() -> Tokenizer:
    words = sorted({f"▁{word}" for caption in CAPTIONS for word in caption.split()})
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    letters = ["▁", *"abcdefghijklmnopqrstuvwxyz"]
    scores = [(piece, 0.0) for piece in special] + [(piece, -3.0) for piece in words] + [(one, -9.0) for one in letters]
    made = Tokenizer(models.Unigram(scores, unk_id=3))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    made.add_special_tokens([*special, AddedToken("<mask>", lstrip=True)])
    return made


def _byte_pairs() -> Tokenizer:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.BpeTrainer(vocab_size=290, special_tokens=special, initial_alphabet=BYTES, show_progress=False)
    made.train_from_iterator(CAPTIONS, trainer)
    made.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    return made
