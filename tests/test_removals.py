"""What is ever removed, read from the source: only what this project can prove that it wrote.

By its full own name, in a folder that bears our mark or that only we write into; or a whole tree that this very process
has made for itself. Every place in the source that removes something, or renames it out of somebody's sight, stands
below with its reason.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REMOVES = {"rmtree", "unlink", "rmdir", "remove", "removedirs", "rm", "rm_file", "remove_if_empty", "truncate"}
"""Names of what removes files, in the standard library, in fsspec and in `storage/files.py`."""
TREES = {"TemporaryDirectory", "mkdtemp", "NamedTemporaryFile"}
"""What makes something for this process alone."""

ALLOWED = {
    "cluster/lanes.py remove_leftovers": (4, "Ray Train's own files by their names, and folders that are empty then"),
    "cluster/lanes.py Lanes.__init__": (1, "the queue's journal: a folder made for it by mkdtemp"),
    "cluster/lanes.py Lanes.close": (1, "the tree that mkdtemp has made in __init__"),
    "cluster/measure.py laid_down": (1, "a small store for a moment, in a folder of its own"),
    "cluster/measure.py _measure_step": (1, "a run for a moment, in a folder of its own"),
    "cluster/nodes.py check_nodes": (1, "the marks that it has made itself, by their random names"),
    "cluster/search.py search_rates": (2, "what Tune writes, in a folder that mkdtemp has made for this search"),
    "data/description.py begun": (2, "files of a store that this process has begun, by their names"),
    "data/fetching.py _fetched": (1, "recordings that it has fetched itself, in a folder of its own"),
    "data/fetching.py fetched": (1, "recordings for a moment, in a folder of its own"),
    "data/index.py _remove_superseded": (2, "indexes and parts by their full names with digests, in a store"),
    "data/prepare.py prepare": (1, "a part that a killed writer has not finished, by its full name, in a store"),
    "data/reading.py read_manifests": (1, "columns for a moment, in a folder of its own"),
    "driver/forecast.py forecast": (1, "a catalogue for a moment, in a folder of its own"),
    "driver/report.py report_on": (1, "a copy of a study for a moment, in a folder of its own"),
    "record/tracker.py _make_database": (1, "the new database that it has not finished, by its random name"),
    "runs/folder.py RunFolder.reopen": (
        1,
        "the result of a run whose weights are gone, or that is scored by more probes, told in a line",
    ),
    "storage/cache.py make_room": (1, "copies in our own cache, by their names with digests"),
    "storage/disk.py Disk.make_folder": (1, "folders that this call has made, where it fails, while they are empty"),
    "storage/disk.py Disk.remove": (1, "the file layer"),
    "storage/disk.py Disk.remove_if_empty": (1, "the file layer: nothing but an empty folder"),
    "storage/disk.py Disk.replacing": (1, "its own temporary, by its random name"),
    "storage/files.py remove": (1, "the file layer"),
    "storage/files.py remove_if_empty": (1, "the file layer"),
    "storage/lease.py Lease.__exit__": (1, "the lease with this process's own token"),
    "storage/lease.py Lease._remove_made": (1, "folders that it has made, while they are empty"),
    "storage/objects.py Objects.check_writable": (1, "the mark that it has made, by its random name"),
    "storage/objects.py Objects.local_copy": (1, "a copy for a moment, in a folder of its own"),
    "storage/objects.py Objects.remove": (1, "the file layer"),
    "storage/objects.py Objects.replacing": (1, "what is uploaded, in a folder of its own"),
    "storage/published.py _remove_unfinished": (1, "temporaries of files in our list, by their full names"),
    "storage/published.py publish": (1, "files in our list that still are as we wrote them"),
    "training/checkpoint.py discard": (2, "the files of a checkpoint by their names, and its folder if it is empty"),
    "training/checkpoint.py drop_optimizer": (1, "the optimizer of a finished run, by its name in its checkpoint"),
    "training/measures.py measured_holdout": (1, "no file: who listens to an encoder for a moment"),
}
"""Where something is removed or made for a moment: how many times, and why that is ours."""


def removals() -> Counter[str]:
    """Every call of one of these names, by file and function."""
    found: Counter[str] = Counter()
    for top in ("scaling", "studies"):
        for path in sorted((ROOT / top).rglob("*.py")):
            name = path.relative_to(ROOT / "scaling").as_posix() if top == "scaling" else f"studies/{path.name}"
            for function, call in _calls(ast.parse(path.read_text(encoding="utf-8")), ""):
                if call in REMOVES | TREES:
                    found[f"{name} {function}"] += 1
    return found


def _calls(node: ast.AST, function: str) -> Iterator[tuple[str, str]]:
    for child in ast.iter_child_nodes(node):
        inner = function
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = f"{function}.{child.name}".lstrip(".")
        if isinstance(child, ast.Call):
            named = child.func
            if isinstance(named, ast.Attribute):
                yield function, named.attr
            elif isinstance(named, ast.Name):
                yield function, named.id
        yield from _calls(child, inner)


def test_every_removal_has_its_reason() -> None:
    found = removals()
    without = {place: count for place, count in found.items() if place not in ALLOWED}
    assert not without, f"say here why what these remove is ours: {without}"
    gone = set(ALLOWED) - set(found)
    assert not gone, f"these remove nothing any more: {gone}"
    other = {place: count for place, count in found.items() if count != ALLOWED[place][0]}
    assert not other, f"look at these again, they remove in more or fewer places than before: {other}"


def test_nothing_is_removed_by_an_open_pattern() -> None:
    """Whoever removes goes by full names: none of these functions looks for files by a pattern with * in it, and no
    shell does."""
    for top in ("scaling", "studies"):
        for path in sorted((ROOT / top).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            tree = ast.parse(text)
            assert "rm -r" not in text, path
            name = path.relative_to(ROOT / "scaling").as_posix() if top == "scaling" else ""
            looks = {function for function, call in _calls(tree, "") if call in ("glob", "rglob", "walk", "fnmatch")}
            removing = {place.split(" ")[1] for place in ALLOWED if place.startswith(f"{name} ")}
            assert not looks & removing, f"{path}: {looks & removing}"
