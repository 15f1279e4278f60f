"""A corpus small enough for a whole study in a test: recordings of the embedded corpus, written to disk."""

import csv
from pathlib import Path

import soundfile
from corpora import lhotse_cut, write_manifest

from scaling.data.embedded import sounds as synthetic

TRAIN, LABELLED = 84, 48


def write_corpus(root: Path) -> list[str]:
    """Audio, two manifests and a tasks.toml under `root`; returns the command line that names them."""
    cuts: dict[str, list[object]] = {"one": [], "two": []}
    for index in range(TRAIN):
        sound = synthetic.sound(index, seed=5, split="pretrain")
        path = _write(root, f"train-{index}", index, "pretrain")
        source = "one" if index % 3 else "two"
        cuts[source].append(lhotse_cut(f"clip-{index}", path, 0.5, list(sound.captions)))
    for source, rows in cuts.items():
        write_manifest(root / f"{source}.train.jsonl.gz", rows)
    with (root / "clips.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "split", "domain", "label", "caption"])
        for index in range(LABELLED):
            split = ("train", "train", "val", "test")[index // 3 % 4]
            sound = synthetic.sound(index, seed=5, split="test")
            path = _write(root, f"labelled-{index}", index, "test")
            table.writerow([path, split, sound.domain, sound.domain, sound.captions[0]])
    (root / "tasks.toml").write_text(
        '[[task]]\nname = "domain"\ndomain = "all"\nclips = "clips.csv"\naudio = "."\nlabel = "label"\n'
        'metric = "accuracy"\n'
    )
    manifests = [str(path) for path in sorted(root.glob("*.jsonl.gz"))]
    tasks = str(root / "tasks.toml")
    return ["--manifests", *manifests, "--audio-root", str(root), "--tasks", tasks, "--min-seconds", "0.2"]


def _write(root: Path, name: str, index: int, split: str) -> str:
    path = root / f"{name}.flac"
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, synthetic.waveform(index, seed=5, split=split)[:8000], synthetic.SAMPLE_RATE)
    return path.name
