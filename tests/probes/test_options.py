"""Every known probe and reference can be called."""

import pytest

from scaling.probes.options import PROBES, REFERENCES


@pytest.mark.parametrize("known", [*PROBES.values(), *REFERENCES.values()], ids=[*PROBES, *REFERENCES])
def test_a_line_names_what_can_be_called(known) -> None:
    assert callable(known.load())
    known.options()


def test_a_reference_has_no_parameters() -> None:
    assert {known.options().parameters for known in REFERENCES.values()} == {0}
