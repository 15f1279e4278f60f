"""Signals: raised at once, or once they are asked for."""

import os
import signal
from collections.abc import Iterator

import pytest

from scaling.driver.signals import Signals, StoppedError


@pytest.fixture
def signals() -> Iterator[Signals]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    installed = Signals()
    installed.install()
    yield installed
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_raised_at_once(signals: Signals, number: signal.Signals):
    with pytest.raises(StoppedError) as stopped:
        os.kill(os.getpid(), number)
    assert stopped.value.number == number


def test_deferred_the_first_is_noted_and_the_second_raised(signals: Signals):
    with signals.deferred():
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.arrived == signal.SIGTERM
        with pytest.raises(StoppedError):
            os.kill(os.getpid(), signal.SIGINT)
    assert signals.arrived == signal.SIGINT
