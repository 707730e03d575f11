"""The console's side of a plan: one runner process a run, its messages as they come, and its death survived."""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from membench.messages.run import Failed, Finished, Loading, Message, RunSpec, Tick, WarmingUp, frame
from membench.plan.matrix import Plan
from membench.results.record import Record, Status
from membench.session.events import Event, RunEnded, RunMessage, RunStarted
from membench.session.measurement import Measurement
from membench.session.process import MeasuredProcess
from membench.units import format_duration
from membench_backends.registry import backends

TIMEOUT_S = 60.0
"""How long a run may go without getting anything done, unless the user says otherwise."""
LOADING_TIMEOUT_S = 120.0
"""The least that loading gets: imports and the first building of a twin take their time on a slow disk."""

HEADLESS = "headless"
"""How a record says that nothing was drawn."""
SELECT_MAX_S = 3600.0
"""The system waits no longer than some weeks at once; a longer timeout is waited for in parts."""


class Session:
    """Runs a plan, one process at a time. `events` belongs to one thread; `stop` and `skip` may come from any."""

    def __init__(self, plan: Plan, timeout_s: float = TIMEOUT_S, drawn: Callable[[], str] = lambda: HEADLESS) -> None:
        """Make the session.

        Args:
            plan: The runs.
            timeout_s: How long a run may go without getting anything done.
            drawn: What is drawn at the moment, for the records.
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
        """Run the plan. Ends early, with a last record marked partial, when `stop` is called."""
        with self._wake_read, self._wake_write:
            for index, spec in enumerate(self.plan.runs):
                if self._stopped:
                    return
                self._skipped = False
                yield from self._run(index, spec)

    def stop(self) -> None:
        """End the run under way, keeping what it measured, and with it the plan. Safe in a signal handler."""
        self._stopped = True
        self._wake()

    def skip(self) -> None:
        """End the run under way, keeping what it measured; the plan goes on with the next."""
        self._skipped = True
        self._wake()

    def _wake(self) -> None:
        with suppress(ValueError):  # closed: the plan is over
            self._wake_write.write(b"!")

    def _run(self, index: int, spec: RunSpec) -> Iterator[Event]:
        measurement = Measurement(spec)
        outcome = _Outcome(drawn=self._drawn())
        try:
            runner = MeasuredProcess("membench.runner.main", spec.run_id, frame(spec))
        except OSError as error:
            outcome.error = f"the runner cannot be started: {error}"
            yield RunEnded(index, _record(measurement, outcome))
            return
        try:
            yield RunStarted(index, spec, runner.log)
            for message in self._messages(runner, spec, outcome):
                measurement.feed(message)
                yield RunMessage(index, message, measurement)
        finally:
            runner.end()
        if outcome.status == "crashed":
            outcome.error = runner.death()
        if self._drawn() != outcome.drawn:
            outcome.drawn = f"{outcome.drawn}, then {self._drawn()}"
        yield RunEnded(index, _record(measurement, outcome))

    def _messages(self, runner: MeasuredProcess, spec: RunSpec, outcome: _Outcome) -> Iterator[Message]:
        """The runner's messages until it is done, dead, stuck or no longer wanted; `outcome` then says which."""
        # In an open loop nothing need fall due for a while; ten times the mean gap is hardly ever exceeded.
        target_operations_per_s = spec.workload.target_operations_per_s
        progress = _Progress(
            max(self._timeout_s, 10 / target_operations_per_s) if target_operations_per_s else self._timeout_s
        )
        with selectors.DefaultSelector() as selector:
            selector.register(runner, selectors.EVENT_READ)
            selector.register(self._wake_read, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select(min(progress.remaining_s(), SELECT_MAX_S))}
                if self._wake_read.fileno() in ready:
                    self._wake_read.read(4096)
                if self._stopped or self._skipped:
                    outcome.status, outcome.error = "partial", "ended by the user"
                    return
                if runner.fileno() not in ready:
                    if progress.remaining_s() <= 0:
                        outcome.status, outcome.error = "timeout", progress.complaint()
                        return
                    continue
                try:
                    messages = runner.read()
                except (EOFError, msgspec.DecodeError):
                    return
                for message in messages:
                    progress.see(message)
                    outcome.see(message)
                    yield message
                if outcome.status != "crashed":
                    return


@dataclass
class _Outcome:
    """How a run ended. Until the runner or the console says otherwise, it died."""

    status: Status = "crashed"
    error: str | None = None
    drawn: str = HEADLESS

    def see(self, message: Message) -> None:
        if isinstance(message, Failed):
            self.status, self.error = "failed", message.error
        elif isinstance(message, Finished):
            self.status = "ok"


@dataclass
class _Progress:
    """When a run counts as stuck: no operation has returned for too long."""

    timeout_s: float
    _doing: str = "starting"
    _allowed_s: float = field(init=False)
    _since: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._allowed_s = max(self.timeout_s, LOADING_TIMEOUT_S)

    def see(self, message: Message) -> None:
        match message:
            case Tick() if self._doing == "measuring" and not (message.operations or message.errors):
                pass
            case Loading(stage=stage):
                self._begin(stage, max(self.timeout_s, LOADING_TIMEOUT_S))
            case WarmingUp():
                self._begin("warming up", self.timeout_s)
            case Tick():
                self._begin("measuring", self.timeout_s)
            case _:
                self._begin("auditing", max(self.timeout_s, LOADING_TIMEOUT_S))

    def remaining_s(self) -> float:
        return max(self._since + self._allowed_s - time.monotonic(), 0)

    def complaint(self) -> str:
        return f"no operation returned for {format_duration(self._allowed_s)} while {self._doing}; see --timeout"

    def _begin(self, doing: str, allowed_s: float) -> None:
        self._doing, self._allowed_s, self._since = doing, allowed_s, time.monotonic()


def _record(measurement: Measurement, outcome: _Outcome) -> Record:
    status, error = outcome.status, outcome.error
    if status == "ok" and measurement.audit and measurement.audit.problem:
        status, error = "failed", measurement.audit.problem
    elif status == "ok" and not measurement.acknowledged and measurement.errors:
        kind, count = measurement.errors.most_common(1)[0]
        status, error = "failed", f"every operation failed: {kind} x {count:,}"
    info = backends()[measurement.spec.backend]
    record = measurement.record(status, error, batch_call=info.capabilities.batch_call)
    return msgspec.structs.replace(record, drawn=outcome.drawn)
