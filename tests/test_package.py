"""What a Ray job is sent: measured on the package that `ray job submit --working-dir .` makes."""

import zipfile
from pathlib import Path

from ray._private.runtime_env.packaging import create_package

ROOT = Path(__file__).resolve().parents[1]
LARGEST = 2_000_000


def test_a_job_is_sent_the_code_and_nothing_else(tmp_path: Path):
    create_package(str(ROOT), tmp_path / "package.zip", include_gitignore=True)
    with zipfile.ZipFile(tmp_path / "package.zip") as package:
        names = {name for name in package.namelist() if not name.endswith("/")}
    assert (tmp_path / "package.zip").stat().st_size < LARGEST
    here = {str(path.relative_to(ROOT)) for top in ("scaling", "studies") for path in (ROOT / top).rglob("*.py")}
    assert here <= names
    assert {name.split("/")[0] for name in names if "/" in name} <= {"scaling", "studies", "clusters", ".ci"}
