"""An encoder from elsewhere scored on tasks, by itself: `scaling probe`."""

import re
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import polars as pl
import torch

from scaling.analysis.scores.schema import FIXED
from scaling.data.corpus import lay_down_labelled, open_tasks
from scaling.data.description import Description
from scaling.data.labelled import LabelledStore, check_tasks
from scaling.data.parts import write_part
from scaling.data.prepare import catalogue_rows, prepare
from scaling.data.store import read_tokenizer
from scaling.driver.display import Display
from scaling.record.encoders import ScoredEncoder, check_recordable, record_encoder
from scaling.record.outage import UnreachableError
from scaling.record.place import tracking_places
from scaling.runs.alone import loaded_encoder, score_alone
from scaling.runs.provenance import commit, source_hash
from scaling.storage.digest import bytes_digest
from scaling.storage.files import Location, check_folder, check_writable, write_json
from scaling.storage.tables import write_parquet
from scaling.training.measures import weights_digest

MODULE = "hear_module.py"
"""Of an encoder that was exported: its folder's name says more."""
SCORES, PREDICTIONS, RESULT = "scores.parquet", "predictions.parquet", "result.json"
NOT_SAID = ("study", "protocol", "holdout_loss")
"""What a study's table says that there is not of an encoder from elsewhere."""


def probe_alone(
    encoder: str,
    tasks: str,
    out: Location,
    probes: tuple[str, ...],
    display: Display,
    weights: str = "",
    tracking_uri: str | None = None,
) -> None:
    """Prepare the labelled clips of a task file ("": those of the embedded corpus) in a folder, score the encoder on
    them, record that in MLflow, and leave a table of its scores there, as studies have it.

    Raises `StudyError` where one of them cannot be used.
    """
    uri, artifacts = tracking_places(tracking_uri, out)
    labelled, (loaded, window) = open_tasks(tasks), loaded_encoder(encoder, weights)
    check_folder(out)
    check_writable(out)
    check_recordable(uri, artifacts)
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
    clips, digest = LabelledStore(store), weights_digest(loaded)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    found = score_alone(loaded, window, clips, probes, device, out / "shared")
    name = called(encoder)
    write_parquet(out / PREDICTIONS, found.predictions)
    scored = ScoredEncoder(
        name=name,
        key=bytes_digest(f"{name} {digest} {clips.store.description.fingerprint}".encode()),
        parameters={
            "probes": ",".join(probes),
            "tasks": ",".join(task.name for task in clips.tasks),
            "hears": str(loaded.hears),
            "window_seconds": f"{window:g}",
        },
        tags={
            "store": clips.store.description.fingerprint,
            "weights": digest,
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
            "source_hash": source_hash(),
            "commit": commit(),
        },
        scores=found.scores,
        size=found.parameters,
        rank_me=found.rank_me,
        seconds=found.seconds,
        flops=found.flops,
    )
    run_id = ""
    try:
        run_id = record_encoder(uri, artifacts, scored, out / PREDICTIONS)
    except UnreachableError as error:
        display.say(f"MLflow does not answer ({error}): the same command records it once it does")
    write_parquet(out / SCORES, table_of(scored, run_id))
    described = {"encoder": encoder, "parameters": found.parameters, "rank_me": found.rank_me}
    write_json(out / RESULT, {**described, "probed": found.seconds, "probe_flops": found.flops})
    for score in found.scores:
        display.say(
            f"{score.task}, {score.pooling}, {score.metric}: {score.value:.4f} ± {score.stderr:.4f} {score.note}"
        )
    display.say(f"scores: {out / SCORES}")


def called(encoder: str) -> str:
    """By what name an encoder stands in a table: the last part of its path or of its name on the hub."""
    path = Path(encoder)
    named = path.parent if path.name == MODULE and path.parent.name else path
    return re.sub(r"[^A-Za-z0-9._-]+", "-", named.name.removesuffix(".py") or encoder)


def table_of(scored: ScoredEncoder, run_id: str) -> pl.DataFrame:
    """The scores as rows of a study's table: those of a reference called by the encoder's name."""
    common = {
        "run": scored.name, "reference": scored.name, "clips": 0, "captions": 0, "hours": 0.0, "samples_seen": 0,
        "epochs": 0.0, "parameters": scored.size, "flops": 0.0, "seed": 0, "excluded": False, "reason": "",
        "mlflow_run_id": run_id,
    }  # fmt: skip
    rows = [{**common, **asdict(score)} for score in scored.scores]
    return pl.DataFrame(rows, schema={name: kind for name, kind in FIXED.items() if name not in NOT_SAID})
