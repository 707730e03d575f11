"""Standard output, standard error and the exit codes. Results go to standard output, everything else to standard error.

Nothing else on the command line prints.
"""

from __future__ import annotations

import sys
from enum import IntEnum


class Exit(IntEnum):
    """The exit codes of the command."""

    SUCCESS = 0
    FAILED = 1
    """A run failed or lost data, or a file could not be written."""
    USAGE = 2
    """The command line or a file that it names is wrong."""
    INTERRUPTED = 130


def at_terminal() -> bool:
    """Return whether both standard input and standard output are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def print_result(text: str) -> None:
    """Print a result to standard output."""
    print(text, flush=True)


def print_status(text: str) -> None:
    """Print a line to standard error that is not a result."""
    print(text, file=sys.stderr, flush=True)


def print_error(text: str) -> None:
    """Print one line to standard error that says what went wrong and what to do."""
    print_status(f"membench-tui: {text}")
