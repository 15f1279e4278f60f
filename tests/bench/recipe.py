"""Does contrastive pretraining from scratch beat plain log-mel statistics, and what would another recipe make of it?

    python tests/bench/recipe.py [--seeds 0 1 2] [--set optimization.steps=1400 encoder.width=192 ...]
    python tests/bench/recipe.py --manifests '../shared/realstew/manifests/*.train.jsonl.gz' \\
        --audio-root ../shared/realstew --tasks ../shared/realstew/tasks.toml

The laptop study's run at its largest size, without Ray and MLflow, one thread. The embedded corpus is made from another
seed than the one that ships: recipes are chosen on clips that no study is scored on. Prints a row of a Markdown table a
seed: processor seconds, the error averaged over all tasks (accuracy; of retrieval recall@10, text to audio), and by how
much it is below that of log-mel statistics.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from scaling.data import corpus as corpora
from scaling.data.description import Description
from scaling.data.labelled import LabelledStore
from scaling.data.parts import write_part
from scaling.data.prepare import catalogue_rows, prepare
from scaling.data.store import Store, read_tokenizer
from scaling.data.vocabulary import vocabulary_of
from scaling.models.formats import heard_by
from scaling.objectives.options import ContrastiveOptions
from scaling.probes.answers import Subject
from scaling.probes.embed import embed
from scaling.probes.options import REFERENCES
from scaling.probes.probe import score
from scaling.probes.score import Score
from scaling.runs.perform import feed_of
from scaling.study.run import Data, Optimization, Run, with_fields
from scaling.study.study import Corpus
from scaling.training.attempt import Attempt
from scaling.training.initialize import build
from scaling.training.loop import train

SEED, CLIPS, STEPS = 7, 3200, 700
CPU = torch.device("cpu")


def write_parts(folder: Any, root: str, description: Description, numbers: list[int]) -> Iterator[dict[str, Any]]:
    for number in numbers:
        rows = catalogue_rows(folder, number, description.part_clips)
        write_part(rows, folder, number, read_tokenizer(folder), root, description.limits)
        yield {}


def prepared(corpus: Corpus, folder: Path) -> int:
    """Prepare a store without Ray; how many clips it has."""
    source = corpora.open_source(corpus)
    root = corpora.audio_root(corpus)
    corpora.ensure_catalogues(source, folder)
    prepare(folder / "labelled", root, None, write_parts)
    clips = Store(folder / "labelled").clips(["id", "audio_hash"])
    held_out = clips.filter(clips["id"].is_in(list(source.labelled.held_out_ids())))["audio_hash"].to_list()
    wanted = None if corpus.manifests else CLIPS
    return min(prepare(folder, root, wanted, write_parts, test_hashes=held_out), wanted or 2**31)


def mean_error(scores: list[Score]) -> float:
    taken = [one for one in scores if one.metric in ("accuracy", "t2a_recall_at_10") and one.pooling != "head"]
    return statistics.mean(1 - one.value for one in taken)


def trained_error(run: Run, store: Store, labelled: LabelledStore, folder: Path) -> float:
    vocabulary = vocabulary_of(run.objective, store, {})
    feed, classes = feed_of(run, store, labelled, vocabulary)
    statistics = replace(store.statistics(heard_by(run.encoder)), words=vocabulary.log_frequencies())
    module = build(run, len(vocabulary), classes, None, None, statistics)
    folder.mkdir()
    attempt = Attempt(folder)
    attempt.claim()
    train(run, feed, module, attempt, checkpoint_seconds=1e9)
    embeddings = embed(labelled.store, labelled.probed, module.encoder, run.data.crop_seconds, CPU)
    return mean_error(score(Subject(labelled, embeddings, None, CPU))[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--set", nargs="*", default=[], metavar="FIELD=VALUE")
    parser.add_argument("--manifests", nargs="*", default=[])
    parser.add_argument("--audio-root", default="")
    parser.add_argument("--tasks", default="")
    given = parser.parse_args()
    torch.set_num_threads(1)
    corpora.EMBEDDED_SEED = SEED
    corpus = Corpus(manifests=tuple(given.manifests), audio_root=given.audio_root, tasks=given.tasks)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "store"
        clips = prepared(corpus, folder)
        store, labelled = Store(folder), LabelledStore(folder / "labelled")
        run = Run(ContrastiveOptions(), Data(clips), optimization=Optimization(steps=STEPS))
        run = with_fields(
            run, {name: json.loads(value) for name, _, value in (one.partition("=") for one in given.set)}
        )
        plain = mean_error(REFERENCES["log-mel"].load()(labelled, CPU)[0])
        print(f"{clips:,} clips; log-mel statistics: {plain:.4f}\n")
        print("| seed | processor s | error | below |\n|---|---:|---:|---:|")
        below = []
        for seed in given.seeds:
            began = time.process_time()
            error = trained_error(replace(run, seed=seed), store, labelled, Path(made) / str(seed))
            below.append(plain - error)
            print(f"| {seed} | {time.process_time() - began:.0f} | {error:.4f} | {plain - error:+.4f} |", flush=True)
        if len(below) > 1:
            spread = statistics.stdev(below) / len(below) ** 0.5
            print(
                f"\nBelow log-mel statistics by {statistics.mean(below):.4f}, standard error over seeds {spread:.4f}."
            )


if __name__ == "__main__":
    main()
