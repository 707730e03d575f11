"""Processes that prepare something for later runs."""

from __future__ import annotations

import os
import signal

import pytest

from membench.cli.process import wait_for_result
from membench.messages.preparation import Prepared
from membench.session.process import MeasuredProcess


def test_an_interrupt_while_the_process_starts_ends_it(temporary):
    started = []

    def start_interrupted():
        process = MeasuredProcess("membench.runner.models", "models-twin", arguments=("twin", "none"))
        started.append(process)
        signal.raise_signal(signal.SIGINT)
        return process

    with pytest.raises(KeyboardInterrupt):
        wait_for_result(start_interrupted, Prepared, print)
    with pytest.raises(ProcessLookupError):
        os.kill(started[0]._supervisor.pid, 0)
    assert list(temporary.glob("membench-*/")) == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
