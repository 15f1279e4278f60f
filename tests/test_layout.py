"""The architecture, read from the imports: who may know whom, and that every module has its tests.

Nothing of the package is imported here.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OPTIONS = ("models", "objectives", "probes")
LIGHT = ("options", "formats", "hub_options")
"""Packages whose options.py (with models/formats.py) stands by itself: `study` knows these, and nothing else of the
packages."""

MAY_KNOW = {
    "errors": "",
    "known": "errors",
    "storage": "errors",
    "analysis": "errors storage",
    "models.options": "errors known",
    "objectives.options": "errors known",
    "probes.options": "errors known",
    "models": "errors known models.options",
    "study": "errors known models.options objectives.options probes.options",
    "objectives": "errors known models objectives.options",
    "pretrained": "errors models models.options",
    "data": "errors storage models models.options study",
    "probes": (
        "errors known storage data models models.options objectives objectives.options probes.options study training"
    ),
    "training": "errors storage data models models.options objectives objectives.options study",
    "runs": (
        "errors known storage data models models.options pretrained objectives probes probes.options study training"
    ),
    "cluster": "errors storage data models.options objectives.options probes.options study training runs",
    "record": "errors storage probes probes.options study runs analysis",
    "driver": "errors storage pretrained data probes.options study training runs cluster record analysis",
    "cli": "errors storage probes.options study runs record driver analysis",
    "studies": "errors models.options objectives.options probes.options data study cli",
}
"""Of each package what it may import, itself aside; a package stands above all that it may know."""

MAY_KNOW_IN_ANALYSIS = {
    "curves": "",
    "scores": "curves",
    "claims": "curves scores",
    "plan": "curves scores",
    "report": "curves scores claims plan",
    "": "curves",
}
"""The same inside the analysis; "" is what it shows to others."""

LAYERS = 12
PACKAGES = 16

ONLY_IN = {"ray": ("cluster",), "mlflow": ("record",)}
"""Libraries that one package alone knows."""

NEVER_IN = {
    "analysis": ("torch", "sklearn", "lhotse", "soundfile"),
    "study": ("torch", "sklearn", "lhotse", "polars"),
    "models.options": ("torch",),
    "objectives.options": ("torch",),
    "probes.options": ("torch", "sklearn"),
    "storage": ("torch",),
}
"""Libraries that a package must do without, so that it is there where they are not, or at once."""

NO_TESTS_OF_THEIR_OWN = {
    "cli/encoders.py": "its commands, in driver/test_probing.py and test_export.py",
    "cli/ended.py": "exit codes, in test_cli.py and cluster/test_lanes.py",
    "cli/results.py": "in analysis/scores/test_own_table.py, analysis/plan/test_command.py and record/test_recorder.py",
    "cli/stores.py": "its commands, in driver/test_preparing.py and test_ranking.py",
    "cluster/measure.py": "a dry run measures, in driver/test_forecast.py",
    "data/clip.py": "what may be said of a clip, in hostile/test_clips.py",
    "data/fetching.py": "recordings in an object store, in data/readers/test_known.py",
    "data/pieces.py": "pieces of archives and Parquet files, in data/readers/test_known.py and test_parquet.py",
    "data/readers/fields.py": "in the forms that have them, in data/readers/test_tables.py and test_webdataset.py",
    "data/readers/places.py": "in data/readers/test_known.py",
    "data/reader.py": "the process that reading.py starts, in data/test_reading.py",
    "data/decoder.py": "what recordings may be, in hostile/test_clips.py; how it ends, in test_decoding.py",
    "driver/report.py": "a study in a bucket is reported on in storage/test_objects.py",
    "cluster/search.py": "whole searches, in driver/test_search.py",
    "record/searches.py": "what MLflow holds of a search, in driver/test_search.py",
    "driver/watch.py": "whole studies, in test_start.py and cluster/test_lanes.py",
    "models/batch.py": "a name of a type",
    "models/fronts.py": "beside the extractors that they stand for, in test_hub.py",
    "models/hub_options.py": "with the encoders, in test_hub.py and study/test_encoders.py",
    "models/library.py": "what its models do, in test_hub.py and test_hub_text.py",
    "models/tokens.py": "numbers of tokens, in data/test_subwords.py",
    "probes/measured.py": "means and influences, in test_label_metrics.py and test_caption_metrics.py",
    "probes/text_side.py": "trainings of both kinds, in test_text_retrieval.py and test_text_captioning.py",
    "probes/work.py": "what a training asks, in runs/test_perform.py",
    "probes/score.py": "a row without behaviour",
    "runs/alone.py": "an encoder of a folder goes all the way, in driver/test_probing.py",
    "runs/result.py": "comes and goes with its folder, in test_folder.py",
    "storage/disk.py": "the file layer on a filesystem, in test_files.py",
    "storage/space.py": "full disks, real and told, in training/test_checkpoint.py and test_tables.py",
    "study/model_files.py": "files by name, in test_encoders.py and test_texts.py",
    "study/resources.py": "rows without behaviour",
    "training/attempt.py": "attempts that are superseded, in test_loop.py, test_checkpoint.py and runs/test_folder.py",
    "training/cost.py": "a row without behaviour",
}
"""Modules without a test file, each with its reason. The tests of the analysis follow its folders, not its files."""


@cache
def modules() -> dict[str, Path]:
    """Every module of the package and of the studies, by its dotted name."""
    files = [path for top in ("scaling", "studies") for path in sorted((ROOT / top).rglob("*.py"))]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in files}


@cache
def imported(path: Path) -> tuple[str, ...]:
    """What a file imports, anywhere in it."""
    return tuple(dict.fromkeys(_imported(path)))


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{path}: a relative import"
            yield node.module
            yield from (
                f"{node.module}.{name.name}" for name in node.names if f"{node.module}.{name.name}" in modules()
            )


def package(module: str) -> str:
    """Which line of the table a module belongs to."""
    top, *rest = module.split(".")
    if top == "studies":
        return "studies"
    return f"{rest[0]}.options" if rest[0] in OPTIONS and rest[1:2] and rest[1] in LIGHT else rest[0]


def edges() -> Iterator[tuple[str, str, str, str]]:
    """Every import of one line's module by another's: package, package, module, module."""
    for module, path in modules().items():
        for other in imported(path):
            if other.split(".")[0] in ("scaling", "studies") and other not in ("scaling", "studies"):
                pair = package(module), package(other)
                if pair[0] != pair[1] and module != "scaling.__init__":
                    yield *pair, module, other


def layers(knows: dict[str, set[str]]) -> dict[str, int]:
    """The layer of each package, from 1: one more than the highest that it knows.

    Raises ValueError for a circle, naming who stands in it.
    """
    found: dict[str, int] = {}

    def layer(name: str, above: tuple[str, ...]) -> int:
        if name in above:
            raise ValueError(f"a circle: {' -> '.join((*above[above.index(name) :], name))}")
        if name not in found:
            found[name] = 1 + max((layer(other, (*above, name)) for other in knows[name]), default=0)
        return found[name]

    for name in knows:
        layer(name, ())
    return found


def allowed(table: dict[str, str]) -> dict[str, set[str]]:
    return {name: set(known.split()) for name, known in table.items()}


def test_no_package_knows_what_it_may_not() -> None:
    may = allowed(MAY_KNOW)
    assert {package(module) for module in modules()} - {"__init__"} == set(may), "a package without a line in the table"
    wrong = [f"{module} imports {other}" for one, two, module, other in edges() if two not in may[one]]
    assert not wrong, "\n".join(wrong)


def test_no_line_of_the_table_is_wider_than_what_is_used() -> None:
    """A permission that nobody needs is a way for the next circle. What all may know is left aside."""
    used: dict[str, set[str]] = {name: set() for name in MAY_KNOW}
    for one, two, *_ in edges():
        used[one].add(two)
    unused = {name: sorted(may - used[name] - {"errors", "known"}) for name, may in allowed(MAY_KNOW).items()}
    assert not {name: some for name, some in unused.items() if some and name != "studies"}


def test_packages_stand_in_few_layers_without_a_circle() -> None:
    found = layers(allowed(MAY_KNOW))
    used: dict[str, set[str]] = {name: set() for name in MAY_KNOW}
    for one, two, *_ in edges():
        used[one].add(two)
    real = layers(used)
    for number in range(1, max(found.values()) + 1):
        print(number, *(name for name in found if found[name] == number))
    assert max(real.values()) <= max(found.values()) <= LAYERS
    assert len({name.partition(".")[0] for name in MAY_KNOW} - {"studies"}) <= PACKAGES
    assert {name: found[name] for name in ("errors", "study", "cli")} == {"errors": 1, "study": 4, "cli": 11}


def test_no_module_stands_in_a_circle() -> None:
    """Inside a package either."""
    layers({module: {other for other in imported(path) if other in modules()} for module, path in modules().items()})


def test_a_circle_is_found() -> None:
    with pytest.raises(ValueError, match="a circle: b -> c -> b"):
        layers({"a": {"b"}, "b": {"c"}, "c": {"b"}})


def test_the_analysis_is_a_chain() -> None:
    may = allowed(MAY_KNOW_IN_ANALYSIS)
    layers(may)
    prefix = "scaling.analysis."
    wrong = []
    for module, path in modules().items():
        if not module.startswith(prefix):
            continue
        mine = module.removeprefix(prefix).partition(".")[0].replace("__init__", "")
        for other in imported(path):
            theirs = other.removeprefix(prefix).partition(".")[0]
            if other.startswith(prefix) and theirs not in ({mine} | may[mine]):
                wrong.append(f"{module} imports {other}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_known_in_one_place(library: str) -> None:
    found = {module for module, path in modules().items() if library in {one.split(".")[0] for one in imported(path)}}
    assert {package(module) for module in found} == set(ONLY_IN[library]), sorted(found)


@pytest.mark.parametrize("name", NEVER_IN)
def test_what_must_be_light_is(name: str) -> None:
    heavy = [
        f"{module} imports {other}"
        for module, path in modules().items()
        for other in imported(path)
        if package(module) == name and other.split(".")[0] in NEVER_IN[name]
    ]
    assert not heavy, "\n".join(heavy)


def test_every_module_has_its_tests_or_a_reason() -> None:
    """`scaling/a/b.py` is tested in `tests/a/test_b.py`."""
    without, needless = [], []
    for path in sorted((ROOT / "scaling").rglob("*.py")):
        module = path.relative_to(ROOT / "scaling")
        if path.name == "__init__.py" or module.parts[0] == "analysis":
            continue
        if module.parts[:2] == ("data", "sources") and path.name != "known.py":
            # Entries of a table: data/sources/test_known.py looks at every one.
            continue
        if module.parts[:3] == ("data", "tasks", "sets") and path.name not in ("known.py", "reading.py", "groups.py"):
            # Entries of a table, and what they are made with: data/tasks/sets/test_known.py reads every one.
            continue
        tests = (ROOT / "tests" / module).with_name(f"test_{path.name}")
        if tests.exists() and str(module) in NO_TESTS_OF_THEIR_OWN:
            needless.append(str(module))
        if not tests.exists() and str(module) not in NO_TESTS_OF_THEIR_OWN:
            without.append(f"{module}: write {tests.relative_to(ROOT)}, or say why not in {Path(__file__).name}")
    assert not without, "\n".join(without)
    assert not needless, f"these have tests now: {needless}"
    gone = [name for name in NO_TESTS_OF_THEIR_OWN if not (ROOT / "scaling" / name).exists()]
    assert not gone, f"these are no more: {gone}"


def test_every_test_file_has_its_module() -> None:
    """Tests of a module that was moved or taken away move or go with it."""
    alone = {"clusters", "bench", "toys", "analysis", "hostile"}
    orphans = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        tests = path.relative_to(ROOT / "tests")
        if len(tests.parts) == 1 or tests.parts[0] in alone:
            continue
        if not (ROOT / "scaling" / tests).with_name(path.name.removeprefix("test_")).exists():
            orphans.append(str(tests))
    assert not orphans, "\n".join(orphans)
