"""Writers of the store on Ray Data: one actor a CPU, on whichever node."""

import time
from collections.abc import Iterator
from typing import Any

import ray
import torch

from scaling.cluster.connect import cluster_cpus
from scaling.data.description import Description
from scaling.data.features import log_mel
from scaling.data.parts import write_part
from scaling.data.prepare import catalogue_rows
from scaling.data.store import read_tokenizer
from scaling.errors import StudyError
from scaling.models.formats import LogMel
from scaling.storage.files import Location, location


def write_parts(
    folder: Location, audio_root: str, description: Description, numbers: list[int]
) -> Iterator[dict[str, Any]]:
    """Write the parts of these numbers, on every CPU of the cluster; yields `part`, `node`, `began` and `ended` of
    each once it is there.

    Raises `StudyError` where one of them cannot be written.
    """
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    writers = max(1, min(len(numbers), cluster_cpus()))
    parts = ray.data.from_items([{"part": number} for number in numbers], override_num_blocks=len(numbers))
    written = parts.map_batches(
        _PartWriter,
        fn_constructor_args=(str(folder), audio_root, description),
        batch_size=1,
        num_cpus=1,
        # One part at work and one waiting: with more a writer that started early takes more than its share.
        compute=ray.data.ActorPoolStrategy(size=writers, max_tasks_in_flight_per_actor=2),
    )
    for row in written.iter_rows():
        if row["error"]:
            raise StudyError(row["error"])
        yield row


class _PartWriter:
    """Writes parts, one after another, in a process of its own."""

    def __init__(self, folder: str, audio_root: str, description: Description) -> None:
        torch.set_num_threads(1)
        self.folder, self.audio_root, self.description = location(folder), audio_root, description
        # Seconds of imports, all writers at once, instead of inside the first clip of each.
        for one in description.formats:
            if isinstance(one, LogMel):
                log_mel(torch.zeros(one.rate), one)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Write the parts of a batch; says of each on which node, when it was begun, when it was there (seconds since
        the epoch), and in a line meant for the user what kept it from being written."""
        batch.update(began=[], ended=[], node=[], error=[])
        for number in batch["part"]:
            batch["began"].append(time.time())
            batch["node"].append(ray.get_runtime_context().get_node_id())
            error = ""
            try:
                of = self.description
                rows = catalogue_rows(self.folder, int(number), of.part_clips)
                tokenizer = read_tokenizer(self.folder)
                write_part(rows, self.folder, int(number), tokenizer, self.audio_root, of.limits, of.formats)
            except StudyError as refused:
                # Told rather than raised: Ray wraps an exception until its message is a page of tracebacks.
                error = str(refused)
            batch["error"].append(error)
            batch["ended"].append(time.time())
        return batch
