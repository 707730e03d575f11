"""Standard output, standard error and the exit codes. Results go to standard output, everything else to standard error.

Nothing else on the command line prints.
"""

from __future__ import annotations

import os
import sys
from enum import IntEnum

from membench.interrupts import EXIT_CODE
from membench.text import clean, mask_secrets, one_line


class Exit(IntEnum):
    """The exit codes of the command."""

    SUCCESS = 0
    FAILED = 1
    """A run failed or lost data, or a file could not be written."""
    USAGE = 2
    """The command line or a file that it names is wrong."""
    INTERRUPTED = EXIT_CODE


def open_closed_streams() -> bool:
    """Open the null device in place of each standard stream that is closed. Return whether standard output was open.

    Otherwise the next file or pipe would take the stream's descriptor, and get what is meant for the stream.
    """
    is_open = sys.stdout is not None
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest free descriptor: this one
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    return is_open


def at_terminal() -> bool:
    """Return whether both standard input and standard output are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def print_result(text: str) -> None:
    """Print a result to standard output, as one line."""
    print(clean(mask_secrets(text)), flush=True)


def print_status(text: str) -> None:
    """Print a line to standard error that is not a result."""
    print(clean(mask_secrets(text)), file=sys.stderr, flush=True)


def print_error(text: str) -> None:
    """Print one line to standard error that says what went wrong and what to do."""
    print_status(one_line(f"membench-tui: {text}"))
