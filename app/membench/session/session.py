"""The console's side of a plan: one runner process per repeat, its messages, and its death survived."""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from membench.messages.encoding import Message, frame
from membench.messages.run import Failed, Finished
from membench.plan.matrix import Plan
from membench.results.record import Record
from membench.results.summary import Status
from membench.session.events import Event, RepeatStarted, RunEnded, RunMessage, RunPaused
from membench.session.measurement import Measurement
from membench.session.process import MeasuredProcess
from membench.session.watchdog import Watchdog
from membench.spec.run import RunSpec
from membench.units import format_share

TIMEOUT_S = 60.0
"""How long a run may make no progress, unless the user says otherwise."""
ERROR_SHARE_MAX = 0.01
"""The share of failed operations above which a run is not `ok`."""
HEADLESS = "headless"
"""The `drawn` of a record when nothing was drawn."""
SELECT_MAX_S = 3600.0
"""The longest single wait. The system call cannot wait for more than some weeks, and a timeout may be longer."""


class Session:
    """The execution of a plan, one process at a time.

    `events` belongs to one thread; `stop` and `skip` may be called from any.
    """

    def __init__(self, plan: Plan, timeout_s: float = TIMEOUT_S, drawn: Callable[[], str] = lambda: HEADLESS) -> None:
        """Prepare the session.

        Args:
            plan: The runs.
            timeout_s: How long a run may make no progress.
            drawn: Returns what the console draws at the moment, for the records.
        """
        self.plan = plan
        self._timeout_s = timeout_s
        self._drawn = drawn
        self._stopped = False
        self._skipped = False
        read_end, write_end = os.pipe()
        os.set_blocking(write_end, False)
        self._wake_read = os.fdopen(read_end, "rb", buffering=0)
        self._wake_write = os.fdopen(write_end, "wb", buffering=0)

    def events(self) -> Iterator[Event]:
        """Run the plan. When `stop` is called, the runs in progress are marked partial and the plan ends."""
        begun: dict[int, _Run] = {}
        ended: set[int] = set()
        with self._wake_read, self._wake_write:
            for index, repeat in self.plan.schedule():
                if self._stopped:
                    break
                if index in ended:
                    continue
                run = begun.pop(index, None) or _Run(index, self.plan.runs[index])
                yield from self._measure(run, repeat)
                if run.has_ended:
                    ended.add(index)
                else:
                    begun[index] = run
        for _, run in sorted(begun.items()):
            run.cancel()
            yield run.end()

    def stop(self) -> None:
        """End the current run, keep what it measured, and end the plan. Safe in a signal handler."""
        self._stopped = True
        self._wake()

    def skip(self) -> None:
        """End the current run, keep what it measured, and continue with the next."""
        self._skipped = True
        self._wake()

    def _wake(self) -> None:
        with suppress(ValueError):  # closed: the plan has ended
            self._wake_write.write(b"!")

    def _measure(self, run: _Run, repeat: int) -> Iterator[Event]:
        """Measure one repeat in a process of its own."""
        self._skipped = False
        run.begin(self._drawn())
        try:
            runner = MeasuredProcess(
                "membench.runner.main", f"{run.spec.run_id}-{repeat + 1}", frame(run.spec), (str(repeat),)
            )
        except OSError as error:
            run.status, run.error = "crashed", f"the runner cannot be started: {error}"
            yield run.end()
            return
        try:
            yield RepeatStarted(run.index, run.spec, repeat, runner.log)
            for message in self._messages(runner, run):
                run.measurement.feed(message)
                yield RunMessage(run.index, message, run.measurement)
        finally:
            runner.end(may_close=run.status in ("ok", "failed"))
        if run.status == "crashed":
            run.error = runner.exit_text()
        yield run.end_repeat(self._drawn())

    def _messages(self, runner: MeasuredProcess, run: _Run) -> Iterator[Message]:
        """Yield the runner's messages until it is finished, dead, stuck or cancelled; `run` then says which."""
        # An open loop may have nothing due for a while; ten times the mean gap is hardly ever exceeded.
        target = run.spec.target_operations_per_s
        watchdog = Watchdog(max(self._timeout_s, 10 / target) if target else self._timeout_s)
        with selectors.DefaultSelector() as selector:
            for source in (*runner.sources, self._wake_read):
                selector.register(source, selectors.EVENT_READ)
            while True:
                ready = selector.select(min(watchdog.remaining_s(), SELECT_MAX_S))
                # If this process was stopped meanwhile, the time is up, and the messages are still to be read.
                ready = ready or selector.select(0)
                if any(key.fileobj is self._wake_read for key, _ in ready):
                    self._wake_read.read(4096)
                if self._stopped or self._skipped:
                    run.cancel()
                    return
                if not ready:
                    if watchdog.remaining_s() <= 0:
                        run.status, run.error = "timeout", watchdog.error()
                        return
                    continue
                try:
                    messages = runner.read()
                except (EOFError, msgspec.DecodeError):
                    return
                for message in messages:
                    watchdog.see(message)
                    run.see(message)
                    yield message
                    if run.status != "crashed":  # what a backend does while it is closed changes nothing any more
                        return


@dataclass
class _Run:
    """A run in progress: what it has measured, and how its current repeat ended."""

    index: int
    spec: RunSpec
    status: Status = "crashed"
    """Until the runner or the console says otherwise."""
    error: str | None = None
    has_ended: bool = False
    measurement: Measurement = field(init=False)
    _drawn: list[str] = field(default_factory=list)
    _began: float = 0.0
    _took_s: float = 0.0

    def __post_init__(self) -> None:
        self.measurement = Measurement(self.spec)

    def begin(self, drawn: str) -> None:
        """Begin a repeat; `drawn` is what the console draws."""
        self.status, self._began = "crashed", time.monotonic()
        self.measurement.begin_repeat()
        self._draws(drawn)

    def see(self, message: Message) -> None:
        """Take a message of the runner into account."""
        if isinstance(message, Failed):
            self.status, self.error = "failed", message.error
        elif isinstance(message, Finished):
            self.status = "ok"

    def cancel(self) -> None:
        """End the run because the user asked for it."""
        repeats = f" after {self.measurement.repeats_measured} of {self.spec.repeats} repeats"
        self.status, self.error = "partial", "ended by the user" + repeats * (self.spec.repeats > 1)

    def end_repeat(self, drawn: str) -> RunPaused | RunEnded:
        """End a repeat; and the run, after its last repeat or one that nothing can be learned from."""
        self._took_s += time.monotonic() - self._began
        self._draws(drawn)
        measured, repeats = self.measurement.repeats_measured, self.spec.repeats
        if self.status != "ok" or measured >= repeats or _failed_entirely(self.measurement):
            return self.end()
        return RunPaused(self.index, self._record("partial", f"{measured} of {repeats} repeats measured"))

    def end(self) -> RunEnded:
        """End the run.

        One that lost data, or of which every operation failed, has failed. One with many failed operations is marked.
        """
        self.has_ended = True
        status, error = _judged(self.measurement) if self.status == "ok" else (self.status, self.error)
        return RunEnded(self.index, self._record(status, error))

    def _draws(self, drawn: str) -> None:
        if drawn not in self._drawn[-1:]:
            self._drawn.append(drawn)

    def _record(self, status: Status, error: str | None) -> Record:
        return self.measurement.record(status, error, drawn=", then ".join(self._drawn), took_s=self._took_s)


def _failed_entirely(measurement: Measurement) -> bool:
    return bool(measurement.errors and not measurement.acknowledged)


def _judged(measurement: Measurement) -> tuple[Status, str | None]:
    """Return the status of a run that went to its end, and why it is not `ok`."""
    if measurement.audit and measurement.audit.problem:
        return "failed", measurement.audit.problem
    if _failed_entirely(measurement):
        kind, count = measurement.errors.most_common(1)[0]
        return "failed", f"every operation failed: {kind} x {count:,}"
    if measurement.error_share > ERROR_SHARE_MAX:
        return "errors", f"{format_share(measurement.error_share)} of the operations failed"
    return "ok", None
