"""Where a study is recorded: what a tracking URI may name, and a SQLite database that is looked at before it is used.

Nothing here imports MLflow, which takes seconds: what cannot be used is refused at once.
"""

import os
import re
import sqlite3
from contextlib import closing
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from scaling.errors import StudyError, without_secrets
from scaling.record.outage import UnreachableError
from scaling.storage.files import Location, on_disk
from scaling.storage.own import damaged

SERVERS = ("http", "https")
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
LOCKED_SECONDS = 20.0
"""How long a database that another process has locked is waited for, as MLflow waits."""
OTHERWISE = re.compile(r"\?|%[0-9A-Fa-f]{2}")
"""What a URI does not take as it is: the database would be made, without a word, at another place."""
CURE = "move it away, and this study is recorded anew from its runs' folders; or name another with --tracking-uri"


def tracking_places(uri: str | None, folder: Location) -> tuple[str, Path]:
    """Where a study in `folder` is recorded, and where the artifacts go if that is SQLite.

    Raises `StudyError` where there is no such place: a URI that names none, or an object store, as SQLite needs a
    filesystem.
    """
    if uri is not None:
        check_uri(uri)
    if on_disk(folder):
        if uri is None and (other := OTHERWISE.search(str(folder))):
            raise StudyError(
                f"{folder}: the address of a database cannot hold {other[0]}: give another folder with --out, or name "
                "where to record with --tracking-uri"
            )
        return uri or f"sqlite:///{folder / 'mlflow.db'}", folder / "mlartifacts"
    if not uri:
        raise StudyError(
            f"{folder} is in an object store, where MLflow's SQLite cannot live: name a tracking server with "
            "--tracking-uri, or sqlite:////path/mlflow.db on this machine"
        )
    return uri, Path(uri.removeprefix("sqlite:///")).resolve().with_name("mlartifacts")


def check_uri(uri: str) -> None:
    """Raise `StudyError` for a tracking URI that MLflow would misunderstand or answer with a page of its insides.

    What is malformed is not repeated: nobody knows which part of it is the password.
    """
    if not uri.strip():
        raise StudyError("--tracking-uri is empty: leave it away to record in SQLite in the study's folder")
    scheme, found, _ = uri.partition("://")
    kind = scheme.partition("+")[0]
    if not uri.isprintable() or (" " in uri and kind != "sqlite"):
        raise StudyError("--tracking-uri has a blank or a control character in it: write it as %20, say")
    if uri == "databricks" or uri.startswith("databricks://"):
        return
    if not found or kind not in SERVERS + DATABASES:
        raise StudyError(
            f"--tracking-uri {without_secrets(uri)}: MLflow records at http://HOST:PORT, https://HOST, "
            "sqlite:////path/mlflow.db, postgresql://..., mysql://..., mssql://... or databricks"
        )
    if kind == "sqlite":
        if (place := database_of(uri)) is None:
            raise StudyError("--tracking-uri names no file of SQLite: write sqlite:////path/mlflow.db")
        if other := OTHERWISE.search(str(place)):
            raise StudyError(
                f"--tracking-uri {uri}: the address of a database cannot hold {other[0]}: name another place"
            )
        return
    try:
        parts = urlsplit(uri)
        whole = parts.port != 0 and "@" not in parts.path
    except ValueError:
        whole = False
    if not whole:
        raise StudyError(
            "--tracking-uri is no address: a port is a number up to 65535, and special characters of a password "
            "are written as %40 (@), %2F (/), %3A (:), ..."
        )
    if kind in SERVERS and not parts.hostname:
        raise StudyError(f"--tracking-uri {without_secrets(uri)} names no host: write http://HOST:PORT")


def database_of(uri: str) -> Path | None:
    """The file of a URI of SQLite; None for other URIs, and where it names none, as a database in memory."""
    scheme, _, rest = uri.partition("://")
    path = rest.partition("?")[0]
    if scheme.partition("+")[0] != "sqlite" or not path.startswith("/") or path[1:] in ("", ":memory:"):
        return None
    return None if path.startswith("/file:") else Path(path[1:])


def check_database(path: Path) -> None:
    """Look at a SQLite database before it is used; one that is absent will be made.

    Raises `StudyError` where it is damaged, not MLflow's, of another MLflow or may not be written, and
    `UnreachableError` where another process has it locked for `LOCKED_SECONDS`. It is never changed.
    """
    try:
        if not (path.exists() or path.is_symlink()):
            return
    except OSError as error:
        raise StudyError(f"{path} cannot be a database ({error.strerror}): name another with --tracking-uri") from None
    if not path.is_file():
        raise damaged(path, "it is no file", CURE)
    if not os.access(path, os.R_OK | os.W_OK) or not os.access(path.parent, os.W_OK):
        raise StudyError(f"{path} may not be written by this user: change that, or name another with --tracking-uri")
    try:
        # A killed process may have left a journal: only who may write can read.
        address = f"{path.resolve().as_uri()}?mode=rw"
        with closing(sqlite3.connect(address, uri=True, timeout=LOCKED_SECONDS)) as database:
            database.execute("BEGIN IMMEDIATE")
            _look_at(path, database)
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None) or 0
        if code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise UnreachableError(f"{path} is locked by another process") from None
        if code & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL):
            raise StudyError(
                f"{path} cannot be written ({error}): mend that, or name another with --tracking-uri"
            ) from None
        raise damaged(path, error, CURE) from None


def _look_at(path: Path, database: sqlite3.Connection) -> None:
    [(found,)] = database.execute("PRAGMA quick_check(1)").fetchall()
    if found != "ok":
        raise damaged(path, found, CURE)
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return
    [(size,)] = database.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").fetchall()
    if path.stat().st_size < size:
        raise damaged(path, "it is cut short", CURE)
    if not {"experiments", "runs", "alembic_version"} <= tables:
        raise StudyError(
            f"{path} is another program's database, not MLflow's: move it away, or name another with --tracking-uri"
        )
    schema = ", ".join(number for (number,) in database.execute("SELECT version_num FROM alembic_version"))
    newest = newest_schema()
    if newest not in (None, schema):
        raise StudyError(
            f"{path} is of another MLflow (its schema is {schema or 'unfinished'}, that of {version('mlflow')} is "
            f"{newest}): copy it and run mlflow db upgrade sqlite:///{path}; or {CURE}"
        )


def newest_schema() -> str | None:
    """The schema that the installed MLflow works with; None where that cannot be read from its files."""
    found = find_spec("mlflow")
    folders = found.submodule_search_locations if found else None
    steps = Path(folders[0], "store", "db_migrations", "versions").glob("*.py") if folders else ()
    texts = [step.read_text(encoding="utf-8") for step in steps]
    made = {name for text in texts for name in re.findall(r"^revision\b.*?['\"](\w+)['\"]", text, re.MULTILINE)}
    passed = {
        name
        for text in texts
        for line in re.findall(r"^down_revision\b.*", text, re.MULTILINE)
        for name in re.findall(r"['\"](\w+)['\"]", line)
    }
    newest = made - passed
    return newest.pop() if len(newest) == 1 else None
