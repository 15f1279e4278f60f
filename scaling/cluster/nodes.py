"""What must hold on every node before work: the study's folders in sight, and the same versions as here."""

import errno
import platform
import secrets
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from scaling.cluster.connect import living_nodes
from scaling.errors import StudyError, in_one_line
from scaling.runs.provenance import source_hash
from scaling.storage.files import Location, location, names, remove

PACKAGES = ("ray", "torch", "torchaudio", "pyarrow", "polars", "numpy")
"""What writes or reads the study's files, or decides its bits."""
ANSWER_SECONDS = 60.0
READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


def versions() -> dict[str, str]:
    """The versions that must be equal on every node."""
    return {
        "Python": ".".join(platform.python_version_tuple()[:2]),
        **{name: version(name) for name in PACKAGES},
        "this project's source": source_hash(),
    }


def check_nodes(folders: Sequence[Location]) -> int:
    """Ask every node that offers CPUs or GPUs; returns how many there are.

    Raises `StudyError` naming the node where one of the folders (which must exist here) cannot be seen, where a
    version differs from this process's, or that does not answer. One that goes away meanwhile does not count.
    """
    nodes = [node for node in living_nodes() if {"CPU", "GPU"} & node["Resources"].keys()]
    here = ray.get_runtime_context().get_node_id()
    others = [node for node in nodes if node["NodeID"] != here]
    if not others:
        return len(nodes)
    marks, made = [], []
    try:
        for folder in folders:
            mark = folder / f".seen-{secrets.token_hex(8)}"
            try:
                mark.touch()
                made.append(mark)
            except OSError as error:
                if error.errno not in READ_ONLY or not names(folder):
                    raise
                # A store that may only be read: what lies there already must do.
                mark = folder / names(folder)[0]
            marks.append(mark)
        asked = {
            ray.remote(num_cpus=0)(_seen)
            .options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
                max_retries=0,
            )
            .remote([str(mark) for mark in marks]): node
            for node in others
        }
        mine = versions()
        lost = [node for answer, node in asked.items() if not _agrees(answer, node, folders, mine)]
    finally:
        for mark in made:
            with suppress(OSError):
                remove(mark)
    return len(nodes) - len(lost)


def _seen(marks: list[str]) -> tuple[list[bool], dict[str, str]]:
    """On a node: which marks are there, and its versions."""
    return [location(mark).exists() for mark in marks], versions()


def _agrees(answer: Any, node: dict[str, Any], folders: Sequence[Location], mine: dict[str, str]) -> bool:
    """Whether the node has answered as it must; False where it is gone, which is no mistake of anybody's."""
    address = node["NodeManagerAddress"]
    try:
        seen, theirs = ray.get(answer, timeout=ANSWER_SECONDS)
    except ray.exceptions.NodeDiedError:
        return False
    except ray.exceptions.RayError as error:
        if node["NodeID"] not in {living["NodeID"] for living in living_nodes()}:
            return False
        raise StudyError(f"node {address} cannot run this project ({in_one_line(error)})") from None
    for folder, there in zip(folders, seen, strict=True):
        if not there:
            raise StudyError(
                f"node {address} does not see {folder}: give a folder on a filesystem that all nodes share "
                "with --out (and --store)"
            )
    for name, value in mine.items():
        if theirs[name] != value:
            raise StudyError(
                f"node {address} has {name} {theirs[name]}, this one {value}: every node must run the same versions"
            )
    return True
