"""MLflow that does not answer: no reason to stop a study, whose record lies in the runs' folders too."""

from collections.abc import Iterator
from contextlib import contextmanager

from scaling.errors import without_secrets


class UnreachableError(Exception):
    """MLflow does not answer, or not as it should; everything that it should hold lies in the runs' folders."""


@contextmanager
def reached() -> Iterator[None]:
    """Raise `UnreachableError`, in one line without a password, for whatever MLflow and its drivers raise."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except ImportError as error:
        raise UnreachableError(f"{error}, which this address needs: install it") from None
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise UnreachableError(told(error)) from None


def told(error: Exception) -> str:
    """What a library says of an error, in one line: requests name the cause at the end, databases at the beginning."""
    said = without_secrets(" ".join(str(error).partition("[SQL:")[0].split()))
    return said if len(said) <= 240 else f"{said[:100]} ... {said[-130:]}"
