"""The engine of the dashboard: one thread that runs plans and posts snapshots of them."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Protocol

import msgspec
from msgspec.structs import replace
from textual.message import Message

from membench.messages.run import Tick
from membench.plan.matrix import Plan
from membench.report.stages import stage_of
from membench.results.history import HistoryWriter
from membench.session.events import Event, RepeatStarted, RunEnded, RunMessage, RunPaused
from membench.tui.common.snapshot import RunView, Snapshot

if TYPE_CHECKING:
    from membench.session.measurement import Measurement

CLOSE_TIMEOUT_S = 5.0
FULL_UPDATE_EVERY = 4
"""Every Nth frame of a run in progress is a full redraw."""
FULL_UPDATE_S = 1.0
"""The longest time between full redraws."""
DRAWING_NICENESS = 5
MEASURING = "measuring"
"""The stage of a run from its first tick on."""


class SessionLike(Protocol):
    """The part of a session that the dashboard uses."""

    def events(self) -> Iterator[Event]:
        """Run the plan."""

    def stop(self) -> None:
        """End the run in progress, and with it the plan."""

    def skip(self) -> None:
        """End the run in progress, and continue with the next."""


SessionFactory = Callable[[Plan], SessionLike]


class Drawing(msgspec.Struct):
    """How much is drawn while a run is measured: drawing takes processor time from the run."""

    fps: float
    """Most frames per second of a run in progress."""
    quiet: bool = False
    """Whether nothing but the elapsed time is drawn."""

    @property
    def full_update_every_s(self) -> float:
        """Seconds between full redraws; frames between them redraw only the current rate and the chart."""
        return max(min(FULL_UPDATE_EVERY / self.fps, FULL_UPDATE_S), 1 / self.fps)

    def __str__(self) -> str:
        return "quiet" if self.quiet else f"{self.fps:g}/s"


class SnapshotUpdated(Message):
    """A newer snapshot of the plan exists."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        """Return whether a message that is still queued is outdated by this one."""
        return isinstance(message, SnapshotUpdated)


class HistoryWriteFailed(Message):
    """A finished run could not be added to the history."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class Engine:
    """A daemon thread that runs plans one after another. `post` must be safe to call from it.

    The thread starts with the dashboard, before the drawing thread lowers its own priority: a runner process inherits
    the priority of the thread that starts it.
    """

    def __init__(
        self, post: Callable[[Message], object], drawing: Drawing, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.session: SessionLike | None = None
        self._post, self._drawing, self._clock = post, drawing, clock
        self._history = HistoryWriter()
        self._jobs: SimpleQueue[tuple[SessionLike, _SnapshotBuilder] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    def run(self, plan: Plan, session: SessionLike, first_hue: int = 0) -> Snapshot:
        """Start a plan, and return the snapshot before its first event."""
        self.session = session
        builder = _SnapshotBuilder(plan, first_hue, self._drawing, self._clock)
        self._jobs.put((session, builder))
        return builder.snapshot

    def close(self) -> None:
        """End the plan, and wait for its processes to end, for at most a few seconds."""
        if self.session:
            self.session.stop()
        self._jobs.put(None)
        self._thread.join(CLOSE_TIMEOUT_S)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            session, builder = job
            problem = self._run(session, builder)
            self._post_if_open(SnapshotUpdated(builder.finish(problem)))

    def _run(self, session: SessionLike, builder: _SnapshotBuilder) -> str:
        """Run a plan to its end. Return what went wrong in the engine itself, if anything."""
        try:
            for event in session.events():
                if isinstance(event, RunPaused | RunEnded) and (reason := self._history.add(event.record)):
                    self._post_if_open(HistoryWriteFailed(reason))
                if builder.update(event):
                    self._post_if_open(SnapshotUpdated(builder.snapshot))
        except Exception as error:  # the dashboard stays open and displays the error, whatever it is
            return f"the plan cannot continue: {type(error).__name__}: {error}"
        return ""

    def _post_if_open(self, message: Message) -> None:
        with suppress(RuntimeError):  # the dashboard has been closed
            self._post(message)


def lower_drawing_priority() -> None:
    """Lower the priority of the calling thread, which draws, below that of the runs.

    Only Linux has a priority per thread; elsewhere the whole process would lose priority, and the runs with it.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), DRAWING_NICENESS)


class _SnapshotBuilder:
    """Turns events into snapshots, no more often than frames are drawn."""

    def __init__(self, plan: Plan, first_hue: int, drawing: Drawing, clock: Callable[[], float]) -> None:
        self._drawing, self._clock = drawing, clock
        runs = tuple(RunView.of_spec(spec, hue) for hue, spec in enumerate(plan.runs, first_hue))
        self.snapshot = Snapshot(plan.plan_id, runs)
        self._measurement: Measurement | None = None
        """Of the run in progress; None before its first message."""
        self._frame_at = self._full_update_at = 0.0

    def update(self, event: Event) -> bool:
        """Take an event into account. Return whether the snapshot has changed."""
        match event:
            case RepeatStarted():
                self._start(event)
            case RunMessage(message=Tick()):
                return self._tick(event)
            case RunMessage():
                return self._change_stage(event)
            case RunPaused() | RunEnded():
                self._end(event)
        return True

    def finish(self, problem: str) -> Snapshot:
        """Return the last snapshot of the plan."""
        self.snapshot = replace(self.snapshot, current=None, over=True, problem=problem)
        self._count_full_update()
        return self.snapshot

    def _start(self, event: RepeatStarted) -> None:
        self._measurement = None
        self._change(event.index, state="running", stage="starting", began_s=self._clock(), log=event.log)
        self.snapshot = replace(self.snapshot, current=event.index)
        self._count_full_update()

    def _tick(self, event: RunMessage) -> bool:
        self._measurement = event.measurement
        is_first = self.snapshot.runs[event.index].stage != MEASURING
        if not is_first and not self._is_frame_due():
            return False
        self._frame_at = time.monotonic()
        is_full = is_first or self._frame_at - self._full_update_at >= self._drawing.full_update_every_s
        self._measure(event, MEASURING, is_full=is_full)
        return True

    def _change_stage(self, event: RunMessage) -> bool:
        self._measurement = event.measurement
        stage = stage_of(event.message, event.measurement)
        if stage is None:
            return False
        self._measure(event, stage, is_full=True)
        return True

    def _measure(self, event: RunMessage, stage: str, *, is_full: bool) -> None:
        progress = event.measurement.progress(whole=is_full)
        self._change(event.index, stage=stage, progress=progress, figures=progress.figures)
        if is_full:
            self._full_update_at = self._frame_at
            self._count_full_update()

    def _end(self, event: RunPaused | RunEnded) -> None:
        run = self.snapshot.runs[event.index]
        if self._measurement and event.index == self.snapshot.current:
            run = replace(run, progress=self._measurement.progress())
        if run.began_s is not None:
            run = replace(run, took_s=run.took_s + self._clock() - run.began_s, began_s=None)
        if isinstance(event, RunPaused):
            run = replace(run, state="paused", stage=event.record.error or "", figures=event.record)
        else:
            run = run.ended(event.record)
        self.snapshot = replace(self.snapshot.with_run(event.index, run), current=None)
        self._count_full_update()

    def _is_frame_due(self) -> bool:
        return not self._drawing.quiet and time.monotonic() - self._frame_at >= 1 / self._drawing.fps

    def _count_full_update(self) -> None:
        self.snapshot = replace(self.snapshot, revision=self.snapshot.revision + 1)

    def _change(self, index: int, **changes: object) -> None:
        run: RunView = replace(self.snapshot.runs[index], **changes)
        self.snapshot = self.snapshot.with_run(index, run)
