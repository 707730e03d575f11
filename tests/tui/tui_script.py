"""A dashboard whose session follows the script of a test."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from membench.messages.encoding import Message
from membench.messages.run import (
    Audit,
    Auditing,
    Component,
    Contention,
    Finished,
    Loading,
    LockUse,
    RepeatEnded,
    Started,
    Tick,
    TimeSplit,
    WarmingUp,
)
from membench.plan.matrix import Plan
from membench.plan.scenarios import load_catalogue
from membench.session.events import Event, RepeatStarted, RunEnded, RunMessage, RunPaused
from membench.session.measurement import Measurement
from membench.settings import Config
from membench.tui.app import Dashboard

WIDE, NARROW = (120, 36), (80, 24)
EVERY_TICK = 1e9
"""A redraw rate, in frames per second, at which no tick waits for its frame."""


def lock_use(site: str, wait_s: float, hold_s: float, longest_ms: float, component: Component | None = None) -> LockUse:
    """Return the use of a lock that was acquired 100 times; if clients waited, then for half of them."""
    contended, longest_queue = (50, 7) if wait_s else (0, 0)
    return LockUse(site, "self._lock", 100, contended, wait_s, hold_s, longest_ms, longest_queue, component)


MUTEX_LOCKS = (
    lock_use("membench_backends/embedding/strategies/mutex.py:31", 6.4, 0.96, 312.0, "strategy"),
    lock_use("a/package/whose/modules/lie/deep/within/its/folders/storage.py:15", 0.16, 0.02, 1.5),
    lock_use("membench_backends/stores/qdrant_local.py:42", 0.0, 0.03, 0.0, "store"),
)


def contention(locks: Sequence[LockUse] = MUTEX_LOCKS, lock_s: float = 6.56, **changes: Any) -> Contention:
    """Return the readings of one second of eight clients, which by default wait for a mutex."""
    time = TimeSplit(wall_s=8.0, cpu_s=0.8, runqueue_s=0.4, lock_s=lock_s, result_s=0.0, idle_s=0.0, switches=100)
    readings: dict[str, Any] = {
        "time": time,
        "locks": tuple(locks),
        "timers": (),
        "stage_ms": {"embed": (60.0, 300.0), "store": (2.0, 5.0)},
        "gauges": {"queue_depth": (3.0, 8.0), "batch_size": (4.0, 6.0)},
        "readings": {"metered_s": 1.0, "gil_busy": 0.1, "cores_used": 1.04, "client_load": 1.1, "worker_load": 0.0},
    }
    return Contention(**(readings | changes))


def tick(number: int, items: int = 12, latency_ms: float = 70.0, contention: Contention | None = None) -> Tick:
    """Return the tick that ends at `number` tenths of a second: two clients, one of whose operations was slow."""
    slow_ns = int(latency_ms * 4e6)
    return Tick(
        repeat=0,
        elapsed_s=number / 10,
        duration_s=0.1,
        operations=items,
        items=items,
        errors={},
        latency_ns=(int(latency_ms * 1e6), slow_ns),
        latency_counts=(items - 1, 1),
        cpu_percent_per_core=(96.0, 8.0 + number % 3),
        client_items=(items // 2, items - items // 2),
        client_longest_ns=(slow_ns // 2, slow_ns),
        contention=contention,
    )


class ScriptedSession:
    """A session that emits the events that a test puts in; `stop` and `skip` end the run, as in a real session."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.calls: list[str] = []
        self._script: queue.Queue[Callable[[], Event] | None] = queue.Queue()
        self._measurements: dict[int, Measurement] = {}
        self._measurement = Measurement(plan.runs[0])
        self._index = 0

    def events(self) -> Iterator[Event]:
        while (step := self._script.get()) is not None:
            yield step()

    def stop(self) -> None:
        self.calls.append("stop")
        self._script.put(None)

    def skip(self) -> None:
        self.calls.append("skip")
        self.end("partial", "ended by the user")

    def start(self, index: int, log: Path = Path("/logs/run.log")) -> None:
        """Start a run, or the next repeat of one that is paused."""

        def step() -> Event:
            self._index = index
            self._measurement = self._measurements.setdefault(index, Measurement(self.plan.runs[index]))
            return RepeatStarted(index, self.plan.runs[index], self._measurement.repeats_measured, log)

        self._script.put(step)

    def send(self, message: Message) -> None:
        def step() -> Event:
            self._measurement.feed(message)
            return RunMessage(self._index, message, self._measurement)

        self._script.put(step)

    def begin(self, index: int) -> None:
        """Emit everything that precedes the first tick of a run."""
        self.start(index)
        self.send(Loading(stage="loading BAAI/bge-small-en-v1.5"))
        environment = {"cpu": "Test CPU", "cores": "2", "python": "3.12.0"}
        self.send(
            Started(weights="twin", threads=2, dimensions=384, environment=environment, session_threads=(2,)),
        )
        self.send(WarmingUp(items=20))

    def tick(self, number: int, *arguments: Any, **changes: Any) -> None:
        """Emit the tick that ends at `number` tenths of a second."""
        self.send(tick(number, *arguments, **changes))

    def finish(self, items: int = 240, wall_s: float = 2.0, lost: int = 0) -> None:
        """Emit the end of a run that went well, or whose store has lost memories."""
        acknowledged, problem = items + lost, f"{lost} memories of {items + lost} acknowledged lost" if lost else None
        self.send(RepeatEnded(repeat=0, wall_s=wall_s, operations=items, items=items))
        self.send(Auditing())
        self.send(Finished(Audit(acknowledged=acknowledged, stored=items, lost=lost, duplicated=0, corrupted=0)))
        self.end("failed" if lost else "ok", problem)

    def pause(self, items: int = 240, wall_s: float = 2.0) -> None:
        """Emit the end of a repeat that others follow."""

        def step() -> Event:
            measurement = self._measurement
            repeat = measurement.repeats_measured
            measurement.feed(RepeatEnded(repeat=repeat, wall_s=wall_s, operations=items, items=items))
            error = f"{repeat + 1} of {measurement.spec.repeats} repeats measured"
            return RunPaused(self._index, measurement.record("partial", error))

        self._script.put(step)

    def end(self, status: Any, error: str | None = None) -> None:
        self._script.put(lambda: RunEnded(self._index, self._measurement.record(status, error)))

    def over(self, problem: Exception | None = None) -> None:
        """End the plan: in order, or because the engine itself fails."""

        def fail() -> Event:
            assert problem is not None
            raise problem

        self._script.put(fail if problem else None)


class Stage:
    """The dashboard under test, and its sessions."""

    def __init__(self, **arguments: Any) -> None:
        self.sessions: list[ScriptedSession] = []
        arguments = {"config": Config(fps=EVERY_TICK), "clock": lambda: 0.0, **arguments}
        self.app = Dashboard(load_catalogue(), self._session, **arguments)

    @property
    def session(self) -> ScriptedSession:
        return self.sessions[-1]

    def _session(self, plan: Plan) -> ScriptedSession:
        self.sessions.append(ScriptedSession(plan))
        return self.sessions[-1]


async def until(pilot: Any, condition: Callable[[], object], tries: int = 1500) -> None:
    """Let the app run until a condition holds; the test fails if it never does."""
    for _ in range(tries):
        if condition():
            await pilot.pause()
            return
        await pilot.pause(0.01)
    raise AssertionError(f"the condition never held: {condition}")


def text_of(app: Dashboard) -> str:
    """Return the lines of the screen."""
    return "\n".join("".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips())


def unseen(app: Dashboard) -> list[str]:
    """Return the texts on the screen that have the colour of their background."""
    return [
        segment.text.strip()
        for strip in app.screen._compositor.render_strips()
        for segment in strip
        if segment.text.strip() and segment.style and segment.style.color == segment.style.bgcolor
    ]


def notes_of(app: Dashboard) -> str:
    """Return the texts of the notifications on the screen."""
    return "\n".join(f"{note.title}: {note.message}" for note in app._notifications)
