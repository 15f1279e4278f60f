"""What is told to the queue survives being written down."""

import pytest

from scaling.runs.events import KINDS, Asked, Done, Event, Failed, Interrupted, LaneEnded, Occupied, Record, Stopped

EVENTS: list[Event] = [
    Occupied(0, "a room"),
    Asked(1, "again"),
    Done("run", "0.5"),
    Failed("run", 2, "ValueError: “no”\nand more"),
    Interrupted("run"),
    Stopped(),
    LaneEnded(3, "its controller died"),
]


def test_every_kind_is_known():
    assert {type(event) for event in EVENTS} == set(KINDS.values())


@pytest.mark.parametrize("event", EVENTS)
def test_a_record_comes_back_from_its_line(event: Event):
    record = Record(1.5, {"run": 7}, event)
    assert record.line().count("\n") == 1
    assert Record.from_line(record.line()) == record
