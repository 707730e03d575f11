"""The engine's side of the dashboard: one plain thread that runs a plan and posts what it sees."""

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

from membench.cli.console import stage_of
from membench.messages.run import Tick
from membench.plan.matrix import Plan
from membench.results.history import Keeper
from membench.results.limits import limit_for
from membench.session.events import Event, RunEnded, RunMessage, RunStarted
from membench.tui.common.snapshot import Recorder, RunView, Snapshot

if TYPE_CHECKING:
    from membench.session.measurement import Measurement

LEAVE_S = 5.0
WHOLE_EVERY = 4
"""Of so many pictures of a run that only goes on, one is drawn whole."""
WHOLE_S = 1.0
"""Seconds after which the next is drawn whole in any case."""
DRAWING_NICENESS = 5


class SessionLike(Protocol):
    """What the dashboard needs of a session."""

    def events(self) -> Iterator[Event]:
        """Run the plan."""

    def stop(self) -> None:
        """End the run under way, and with it the plan."""

    def skip(self) -> None:
        """End the run under way."""


SessionFactory = Callable[[Plan], SessionLike]


class Drawing(msgspec.Struct):
    """How much is drawn while something is measured: drawing takes its time from that."""

    fps: float
    """The most pictures a second of a run that only goes on."""
    quiet: bool = False
    """Whether there are none at all."""

    @property
    def whole_every_s(self) -> float:
        """Seconds from one whole picture to the next; those between show only what moves fastest."""
        return max(min(WHOLE_EVERY / self.fps, WHOLE_S), 1 / self.fps)

    def __str__(self) -> str:
        return "quiet" if self.quiet else f"{self.fps:g}/s"


class Pictured(Message):
    """A newer snapshot of the plan."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        """A newer picture takes the place of one that was not drawn yet."""
        return isinstance(message, Pictured)


class NotKept(Message):
    """A run that is over could not be written into the history."""

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why


class Engine:
    """Runs plans, one after another, in one daemon thread. `post` must be safe to call from there.

    The thread is as old as the dashboard: a run's process inherits the priority of the thread that starts it, and the
    thread that draws has a lower one.
    """

    def __init__(
        self, post: Callable[[Message], object], drawing: Drawing, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.session: SessionLike | None = None
        self._post, self._drawing, self._clock = post, drawing, clock
        self._keeper = Keeper()
        self._jobs: SimpleQueue[tuple[SessionLike, _Pictures] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    def run(self, plan: Plan, session: SessionLike, first_hue: int = 0) -> Snapshot:
        """Begin with a plan; what is given is the picture before its first event."""
        self.session = session
        pictures = _Pictures(plan, first_hue, self._drawing, self._clock)
        self._jobs.put((session, pictures))
        return pictures.snapshot

    def leave(self) -> None:
        """End the plan and see its processes out, for at most a few seconds."""
        if self.session:
            self.session.stop()
        self._jobs.put(None)
        self._thread.join(LEAVE_S)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            session, pictures = job
            self._tell(pictures.end(self._run(session, pictures)))

    def _run(self, session: SessionLike, pictures: _Pictures) -> str:
        """Run a plan to its end; what went wrong in the engine itself, if anything."""
        try:
            for event in session.events():
                if isinstance(event, RunEnded):
                    self._keep(event)
                if pictures.see(event):
                    self._tell(pictures.snapshot)
        except Exception as error:  # whatever it is, the person is told and the dashboard stays
            return f"the plan cannot go on: {type(error).__name__}: {error}"
        return ""

    def _keep(self, event: RunEnded) -> None:
        if why := self._keeper.keep(event.record):
            with suppress(RuntimeError):
                self._post(NotKept(why))

    def _tell(self, snapshot: Snapshot) -> None:
        with suppress(RuntimeError):  # the dashboard has been left
            self._post(Pictured(snapshot))


def give_way() -> None:
    """Let what is measured go before the drawing that this thread does.

    On Linux a thread has a priority of its own; elsewhere it would be that of the whole process, and of the runs.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), DRAWING_NICENESS)


class _Pictures:
    """Turns events into snapshots."""

    def __init__(self, plan: Plan, first_hue: int, drawing: Drawing, clock: Callable[[], float]) -> None:
        self._drawing, self._clock = drawing, clock
        runs = tuple(RunView(hue, spec) for hue, spec in enumerate(plan.runs, first_hue))
        self.snapshot = Snapshot(plan.plan_id, runs)
        self._recorder = Recorder()
        self._measurement: Measurement | None = None
        self._drawn_at = self._whole_at = 0.0

    def see(self, event: Event) -> bool:
        """Take an event; say whether there is a new picture of it."""
        match event:
            case RunStarted():
                self._started(event)
            case RunMessage():
                return self._message(event)
            case RunEnded():
                self._ended(event)
        return True

    def end(self, problem: str) -> Snapshot:
        """The last picture."""
        self.snapshot = replace(self.snapshot, current=None, over=True, problem=problem)
        self._to_be_whole()
        return self.snapshot

    def _started(self, event: RunStarted) -> None:
        self._recorder, self._measurement = Recorder(), None
        limit = limit_for(event.spec)
        self._change(
            event.index,
            running=True,
            began_s=self._clock(),
            log=event.log,
            stage="starting",
            limit_memories_per_s=limit.texts_per_s if limit else None,
        )
        self.snapshot = replace(self.snapshot, current=event.index)
        self._to_be_whole()

    def _message(self, event: RunMessage) -> bool:
        self._measurement = event.measurement
        if isinstance(event.message, Tick):
            self._recorder.see(event.message, event.measurement.measured_s)
            first = self.snapshot.runs[event.index].stage != "measuring"
            if not self._due(first):
                return False
            whole = first or self._drawn_at - self._whole_at >= self._drawing.whole_every_s
            course = self._recorder.course(event.measurement, whole=whole)
            self._change(event.index, stage="measuring", course=course)
            if whole:
                self._whole_at = self._drawn_at
                self._to_be_whole()
            return True
        stage = stage_of(event.message, event.measurement)
        if stage is not None:
            self._change(event.index, stage=stage, course=self._recorder.course(event.measurement))
            self._to_be_whole()
        return stage is not None

    def _ended(self, event: RunEnded) -> None:
        course = self.snapshot.runs[event.index].course
        if self._measurement:
            course = self._recorder.course(self._measurement)
        began_s = self.snapshot.runs[event.index].began_s
        took_s = None if began_s is None else self._clock() - began_s
        self._change(event.index, running=False, stage="", course=course, took_s=took_s, record=event.record)
        self.snapshot = replace(self.snapshot, current=None)
        self._to_be_whole()

    def _to_be_whole(self) -> None:
        self.snapshot = replace(self.snapshot, edition=self.snapshot.edition + 1)

    def _due(self, first: bool) -> bool:
        """Whether it is time for the next picture; the first is due at once, as it says that measuring has begun."""
        now = time.monotonic()
        if not first and (self._drawing.quiet or now - self._drawn_at < 1 / self._drawing.fps):
            return False
        self._drawn_at = now
        return True

    def _change(self, index: int, **changes: object) -> None:
        run: RunView = replace(self.snapshot.runs[index], **changes)
        self.snapshot = self.snapshot.with_run(index, run)
