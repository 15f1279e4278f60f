"""MagnaTagATune: 29 s of songs, with tags that players of a game agreed on.

Its table has 25,863 clips, of which 1,825 are for validation and 5,329 for tests (as in the split of
huggingface.co/datasets/Leon299/MTT, which has three training clips less), and 18,709 for training.

The usual split, by the folder of a song (0 to b, c, d to f), and the usual 50 tags, the most frequent of 188. Clips
that have none of these are kept, as negatives: what others leave out differs from paper to paper.
"""

from collections.abc import Iterator
from pathlib import Path

from scaling.data.tasks.sets.lists import file_in, table
from scaling.data.tasks.sets.task_set import LayoutError, Listed, TaskSet

LIST = "annotations_final.csv"
TAGS = 50
VAL, TEST = "c", "def"


def _clips(folder: Path) -> Iterator[Listed]:
    with file_in(folder, LIST).open(encoding="utf-8-sig", errors="replace") as file:
        head = [name.strip().strip('"') for name in file.readline().split("\t")]
    tags = [name for name in head if name not in ("clip_id", "mp3_path")]
    rows = table(folder, LIST, ["mp3_path", *tags], separator="\t")
    counts = {tag: sum(row[place] == "1" for row in rows) for place, tag in enumerate(tags, start=1)}
    kept = set(sorted(tags, key=lambda tag: (-counts[tag], tag))[:TAGS])
    for path, *given in rows:
        if path[1:2] != "/":
            raise LayoutError(f"{LIST} has an mp3_path that is no folder of one letter and a file: {path[:100]!r}")
        split = "val" if path[0] in VAL else "test" if path[0] in TEST else "train"
        labels = tuple(tag for tag, there in zip(tags, given, strict=True) if there == "1" and tag in kept)
        yield Listed((path, f"mp3/{path}", f"audio/{path}"), split, labels)


SET = TaskSet(
    "MagnaTagATune",
    "music",
    "map",
    "CC BY-NC-SA 3.0 (audio); tags as their page states",
    "https://mirg.city.ac.uk/codeapps/the-magnatagatune-dataset",
    _clips,
    {"train": (18_709,), "val": (1_825,), "test": (5_329,)},
    labels=TAGS,
    note="split by folder, top 50 tags, clips without any of them kept",
)
