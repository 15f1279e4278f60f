"""Every known probe and reference can be called."""

import pytest

from scaling.errors import StudyError
from scaling.probes.options import PROBES, REFERENCES, named_probes


@pytest.mark.parametrize("known", [*PROBES.values(), *REFERENCES.values()], ids=[*PROBES, *REFERENCES])
def test_a_line_names_what_can_be_called(known) -> None:
    assert callable(known.load())
    known.options()


def test_a_reference_has_no_parameters() -> None:
    assert {known.options().parameters for known in REFERENCES.values()} == {0}


def test_probes_by_name_go_by_the_table_and_groups_stand_for_several() -> None:
    assert named_probes(("ridge", "logistic", "ridge")) == ("logistic", "ridge")
    assert named_probes(("all",)) == tuple(PROBES)
    assert set(named_probes()) < set(PROBES)
    assert named_probes(("default", "attention")) == tuple(
        one for one in PROBES if one in (*named_probes(), "attention")
    )
    with pytest.raises(StudyError, match="no probe guess: known are default, all, logistic"):
        named_probes(("guess",))
    with pytest.raises(StudyError, match="names none"):
        named_probes(())
