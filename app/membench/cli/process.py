"""Processes that prepare something for later runs: model weights, or the limit of this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from membench.cli.console import print_error
from membench.interrupts import Interrupts
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
        with Interrupts() as interrupts:  # a process that was started must be known, to be ended
            process = start()
        if interrupts.received:
            raise KeyboardInterrupt
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
