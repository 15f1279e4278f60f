"""An encoder from elsewhere scored on tasks, by itself: `scaling probe`."""

import re
from collections.abc import Iterable
from pathlib import Path

import polars as pl
import torch

from scaling.data.corpus import lay_down_labelled, open_tasks
from scaling.data.description import Description
from scaling.data.labelled import LabelledStore, check_tasks
from scaling.data.parts import write_part
from scaling.data.prepare import catalogue_rows, prepare
from scaling.data.store import read_tokenizer
from scaling.driver.display import Display
from scaling.runs.alone import Scored, loaded_encoder, score_alone
from scaling.storage.files import Location, check_folder, check_writable, write_json
from scaling.storage.tables import write_parquet

SCORES, PREDICTIONS, RESULT = "scores.parquet", "predictions.parquet", "result.json"


def probe_alone(encoder: str, tasks: str, out: Location, probes: tuple[str, ...], display: Display) -> None:
    """Prepare the labelled clips of a task file ("": those of the embedded corpus) in a folder, score the encoder on
    them, and leave a table of its scores there, as studies have it.

    Raises `StudyError` where one of them cannot be used.
    """
    labelled, (loaded, window) = open_tasks(tasks), loaded_encoder(encoder)
    check_folder(out)
    check_writable(out)
    store = out / "store"
    lay_down_labelled(labelled, store, (loaded.hears,))

    def write(folder: Location, root: str, description: Description, parts: list[int]) -> Iterable[object]:
        tokenizer = read_tokenizer(folder)
        for number in parts:
            rows = catalogue_rows(folder, number, description.part_clips)
            yield write_part(rows, folder, number, tokenizer, root, description.limits, description.formats)

    prepare(store, labelled.root, None, write, report=lambda p: display.counting(f"preparing {p.clips:,} of {p.of:,}"))
    check_tasks(store)
    display.close()
    found = score_alone(
        loaded, window, LabelledStore(store), probes, torch.device("cuda" if torch.cuda.is_available() else "cpu")
    )
    write_parquet(out / PREDICTIONS, found.predictions)
    write_parquet(out / SCORES, table_of(encoder, found))
    described = {"encoder": encoder, "parameters": found.parameters, "rank_me": found.rank_me, "probed": found.seconds}
    write_json(out / RESULT, described)
    for score in found.scores:
        display.say(
            f"{score.task}, {score.pooling}, {score.metric}: {score.value:.4f} ± {score.stderr:.4f} {score.note}"
        )
    display.say(f"scores: {out / SCORES}")


def table_of(encoder: str, found: Scored) -> pl.DataFrame:
    """The scores as rows of a study's table: those of a reference called by the encoder's name."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(encoder).name or encoder)
    rows = [
        {
            "run": name, "reference": name, "task": score.task, "domain": score.domain, "pooling": score.pooling,
            "metric": score.metric, "value": score.value, "stderr": score.stderr, "n_test": score.n_test,
            "note": score.note, "seed": 0, "parameters": found.parameters, "clips": 0, "excluded": False,
        }
        for score in found.scores
    ]  # fmt: skip
    return pl.DataFrame(rows)
