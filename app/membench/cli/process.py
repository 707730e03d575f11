"""Processes that prepare something for later runs: model weights, or the limit of this machine."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from membench.cli.console import print_error
from membench.messages.encoding import Message
from membench.messages.run import Failed
from membench.session.process import MeasuredProcess

Result = TypeVar("Result", bound=Message)


def wait_for_result(
    start: Callable[[], MeasuredProcess], result_type: type[Result], show: Callable[[Message], None]
) -> Result | None:
    """Start a process, return its result, and end it. None, after an error message, if there is no result.

    Args:
        start: Starts the process.
        result_type: The type of the message that holds the result.
        show: Takes every message before the result, to show the progress.

    Raises:
        KeyboardInterrupt: The user interrupted the command. The process has ended.
    """
    process = None
    try:
        with _interrupt_deferred():
            process = start()
        for message in process.messages():
            if isinstance(message, result_type):
                return message
            if isinstance(message, Failed):
                print_error(message.error)
                return None
            show(message)
    finally:
        if process:
            process.end()
    print_error(process.exit_text())
    return None


@contextmanager
def _interrupt_deferred() -> Iterator[None]:
    """Raise KeyboardInterrupt only at the end, so that a process that was started is known, and ends as well."""
    received: list[int] = []
    previous = signal.signal(signal.SIGINT, lambda number, _: received.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
    if received:
        raise KeyboardInterrupt
