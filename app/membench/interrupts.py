"""The signals that ask the program to end: SIGINT, SIGTERM, and SIGHUP when its terminal is closed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)
EXIT_CODE = 128 + signal.SIGINT
"""The exit code of a command that SIGINT ended."""
STREAMS = (0, 1, 2)
"""Standard input, standard output and standard error."""


def ending_signals() -> list[signal.Signals]:
    """Return the signals that ask for the end. `nohup` ignores SIGHUP for what it starts, and it stays ignored."""
    return [*SIGNALS] if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else [*SIGNALS, signal.SIGHUP]


def exit_on_signals() -> None:
    """End the process at once on every such signal: while modules are imported, an exception could break them."""
    for number in ending_signals():
        signal.signal(number, _exit)


def _exit(number: int, frame: FrameType | None) -> None:
    os._exit(EXIT_CODE)


def raise_on_signals() -> None:
    """Raise KeyboardInterrupt on every such signal, as Python does on SIGINT."""
    for number in ending_signals():
        signal.signal(number, signal.default_int_handler)


def ignore_signals() -> None:
    """Ignore such signals from now on: the program is about to end."""
    for number in ending_signals():
        signal.signal(number, signal.SIG_IGN)


class Interrupts:
    """While in use as a context manager, such signals call a function, and end nothing by themselves.

    If the terminal has been closed, what is written to it is dropped from then on.
    """

    def __init__(self, *, needs_terminal: bool = False) -> None:
        """Call nothing yet; a signal is remembered.

        Args:
            needs_terminal: Whether the end of the terminal is the end of the program, also where SIGHUP is ignored.
        """
        self._signals = [*SIGNALS, signal.SIGHUP] if needs_terminal else ending_signals()
        self.received = False
        self._on_signal: Callable[[], object] = bool
        self._previous: dict[signal.Signals, object] = {}
        self._terminals = [stream for stream in STREAMS if os.isatty(stream)]

    def __enter__(self) -> Self:
        for number in self._signals:
            self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def call(self, on_signal: Callable[[], object]) -> None:
        """Call a function on every signal from now on, and at once if there was one."""
        self._on_signal = on_signal
        if self.received:
            on_signal()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.received = True
        if number == signal.SIGHUP:
            self._leave_lost_terminals()
        self._on_signal()

    def _leave_lost_terminals(self) -> None:
        """Write to the null device what would go to a terminal that has been closed: writing to that is an error."""
        lost = [stream for stream in self._terminals if not os.isatty(stream)]
        if lost:
            nothing = os.open(os.devnull, os.O_RDWR)
            for stream in lost:
                os.dup2(nothing, stream)
            os.close(nothing)
