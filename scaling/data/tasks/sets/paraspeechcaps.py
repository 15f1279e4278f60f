"""ParaSpeechCaps: speech, described by tags of its style.

Of the part that people labelled: `train_base` for training, `dev` (the same speakers) for validation, and for tests
`holdout`, whose 167 speakers are in no other part. The recordings are those of four corpora, each in a folder of its
source's name beside `data/`.
"""

from collections.abc import Iterator
from pathlib import Path

from scaling.data.tasks.sets.lists import parquet_rows
from scaling.data.tasks.sets.task_set import LayoutError, Listed, TaskSet

SPLITS = {"train_base": "train", "dev": "val", "holdout": "test"}
COLUMNS = ("source", "relative_audio_path", "text_description")


def _clips(folder: Path) -> Iterator[Listed]:
    for part, split in SPLITS.items():
        captions: dict[str, list[str]] = {}
        for source, path, said in parquet_rows(folder, f"data/{part}-*.parquet", COLUMNS):
            if not (isinstance(source, str) and isinstance(path, str) and isinstance(said, list)):
                raise LayoutError(f"data/{part}-*.parquet has a text_description that is no list of texts")
            captions.setdefault(f"{source}/{path}", []).extend(str(one) for one in said)
        for file, several in captions.items():
            yield Listed((file,), split, captions=tuple(several))


SET = TaskSet(
    "ParaSpeechCaps",
    "speech",
    "recall",
    "captions: CC BY-NC-SA 4.0; audio: that of VoxCeleb, Expresso and EARS",
    "https://huggingface.co/datasets/ajd12342/paraspeechcaps",
    _clips,
    {"train": (116_516,), "val": (11_967,), "test": (14_756,)},
    note="official split, test speakers are in no other part",
)
