"""curves -> scores -> claims, plan -> report: nobody imports upwards, and nothing but `scaling.errors` from outside."""

import ast
from pathlib import Path

import scaling.analysis

ROOT = Path(scaling.analysis.__file__).parent
LAYERS = {"curves": 0, "scores": 1, "claims": 2, "plan": 3, "report": 3}


def imports(path: Path) -> set[str]:
    """Modules of this project that a file imports, wherever in it."""
    tree = ast.walk(ast.parse(path.read_text()))
    found = {node.module for node in tree if isinstance(node, ast.ImportFrom) and node.module}
    return {name for name in found if name.startswith("scaling")}


def test_imports_go_down() -> None:
    wrong = []
    for path in ROOT.rglob("*.py"):
        package = path.relative_to(ROOT).parts[0]
        for name in imports(path):
            target = name.removeprefix("scaling.analysis.").partition(".")[0]
            inside = name.startswith("scaling.analysis.")
            same = target == package
            if not inside:
                ok = name == "scaling.errors"
            else:
                ok = package not in LAYERS or same or LAYERS[target] < LAYERS[package]
            if not ok:
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert wrong == []


def test_no_module_is_in_a_circle() -> None:
    modules = {
        ".".join(("scaling", "analysis", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
        for path in ROOT.rglob("*.py")
    }
    edges = {name: imports(path) & set(modules) for name, path in modules.items()}
    left = dict(edges)
    while leaves := [name for name, needs in left.items() if not needs & set(left)]:
        for name in leaves:
            del left[name]
    assert sorted(left) == []
