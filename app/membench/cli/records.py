"""Access to the history for the commands that name runs of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from membench.cli.console import print_status
from membench.results.history import History, HistoryError, UnknownRunError
from membench.results.record import Record


@contextmanager
def open_history() -> Iterator[History]:
    """Open the history, and turn its errors into errors of usage."""
    try:
        with History() as history:
            if history.notice:
                print_status(f"! {history.notice}")
            yield history
    except (HistoryError, UnknownRunError) as error:
        raise click.UsageError(str(error)) from error


def read_records(words: Sequence[str]) -> list[Record]:
    """Return the records of runs that are named by the first letters of their names, `last` or `last~1`."""
    with open_history() as history:
        return [history.record(history.resolve(word)) for word in words]
