"""Processes that prepare something for later runs: model weights, or the limit of this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from membench.cli.console import print_error
from membench.messages.encoding import Message
from membench.messages.run import Failed
from membench.session.process import MeasuredProcess

Result = TypeVar("Result", bound=Message)


def wait_for_result(
    process: MeasuredProcess, result_type: type[Result], show: Callable[[Message], None]
) -> Result | None:
    """Return the result of a process, and end the process. None, after an error message, if there is no result.

    Args:
        process: The process.
        result_type: The type of the message that holds the result.
        show: Takes every message before the result, to show the progress.
    """
    try:
        for message in process.messages():
            if isinstance(message, result_type):
                return message
            if isinstance(message, Failed):
                print_error(message.error)
                return None
            show(message)
    finally:
        process.end()
    print_error(process.exit_text())
    return None
