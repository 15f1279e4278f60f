"""What MLflow and its drivers raise, as a person is told of it."""

import pytest
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import OperationalError

from scaling.errors import StudyError
from scaling.record.outage import UnreachableError, reached

URL = "http://me:SECRET@host:9/api"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MlflowException(f"API request to {URL} failed"), "API request to http://...@host:9/api failed"),
        (OperationalError("INSERT 'SECRET'", {}, Exception("locked")), "(builtins.Exception) locked"),
        (ConnectionRefusedError(111, "refused"), "[Errno 111] refused"),
        (ModuleNotFoundError("No module named 'psycopg'"), "No module named 'psycopg', which this address needs: "),
        (MlflowException("a\npage\nof it"), "a page of it"),
        (MlflowException("begin " + "x" * 1000 + " the cause"), "the cause"),
    ],
)
def test_one_line_without_a_password_and_without_what_it_came_from(error: Exception, said: str):
    with pytest.raises(UnreachableError) as raised, reached():
        raise error
    line = str(raised.value)
    assert said in line
    assert "SECRET" not in line
    assert "\n" not in line
    assert len(line) < 260
    # Or a traceback would print it.
    assert raised.value.__suppress_context__
    assert raised.value.__cause__ is None


def test_what_is_not_mlflows_is_left_alone():
    with pytest.raises(StudyError), reached():
        raise StudyError("damaged")
