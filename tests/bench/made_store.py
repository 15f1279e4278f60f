"""A store without recordings, of clips of one length and random sounds; `python tests/bench/feed.py` uses it."""

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from scaling.data.catalogue import COLUMNS, REJECTS
from scaling.data.description import Description
from scaling.data.features import LOG_MEL
from scaling.data.flac import flac
from scaling.data.index import write_index
from scaling.data.parts import part_schema
from scaling.data.store import create_store, read_tokenizer
from scaling.data.tokenizer import caption_number, normalized
from scaling.models.formats import Format, Waveform
from scaling.storage.arrow import write_named

PART_CLIPS = 256


def made_part(folder: Path, number: int, clips: int, frames: int, heard: Format = LOG_MEL) -> str:
    """Write a part of clips of so many frames of 10 ms; returns its name."""
    rng = np.random.default_rng(number)
    tokenizer = read_tokenizer(folder)
    ranks = range(number * PART_CLIPS, number * PART_CLIPS + clips)
    captions = [f"a dog barks in the distance while rain falls on roof number {rank % 1000}" for rank in ranks]
    texts = [normalized(caption) for caption in captions]
    if isinstance(heard, Waveform):
        noise = np.cumsum(rng.standard_normal((clips, *heard.shape(frames)), np.float32), axis=1)
        features = [flac(0.3 * one / np.abs(one).max(), heard.rate) for one in noise]
    else:
        numbers = 4 * rng.standard_normal((clips, *heard.shape(frames)), np.float32) - 5
        features = [one.tobytes() for one in numbers.astype(np.float16)]
    columns = {
        "rank": list(ranks),
        "id": [f"made/{rank}" for rank in ranks],
        "source": ["made"] * clips,
        "domain": ["made"] * clips,
        "audio": [f"{rank}.flac" for rank in ranks],
        "seconds": [frames / 100] * clips,
        "captions": [[caption] for caption in captions],
        "frames": [frames] * clips,
        "audio_hash": [rng.bytes(16) for _ in ranks],
        "normalized": [[text] for text in texts],
        "words": [[tokenizer.words_of(text)] for text in texts],
        "numbers": [[caption_number(text)] for text in texts],
        str(heard): features,
    }
    schema = part_schema([heard]).with_metadata({b"rejects": b"[]"})
    return write_named(folder, f"part-{number:06d}", pa.record_batch(columns, schema=schema))


def made_store(folder: Path, clips: int, frames: int, heard: Format = LOG_MEL) -> None:
    """A store of so many clips, prepared."""
    ranks = pl.int_range(clips, eager=True)
    ranked = pl.DataFrame({"rank": ranks}).with_columns(
        pl.concat_str(pl.lit("made/"), "rank").alias("id"),
        source=pl.lit("made"),
        domain=pl.lit("made"),
        seconds=pl.lit(frames / 100, pl.Float64),
        captions=pl.concat_list(pl.lit("a dog barks in the distance while rain falls on roof number 1 2 3")),
        audio=pl.concat_str("rank", pl.lit(".flac")),
        start=pl.lit(0.0),
        channel=pl.lit(None, pl.Int64),
    )
    description = Description("made", clips, 32, 0.0, 60.0, formats=(heard,))
    create_store(folder, ranked.select("rank", *COLUMNS), pl.DataFrame(schema=REJECTS), description)
    for number in range(-(-clips // PART_CLIPS)):
        made_part(folder, number, min(PART_CLIPS, clips - number * PART_CLIPS), frames, heard)
    write_index(folder)
