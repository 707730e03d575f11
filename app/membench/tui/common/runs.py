"""The plan in progress and the finished runs, as the dashboard's thread sees them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec

from membench.plan.matrix import Plan
from membench.plan.trial import trial_plan, trials_of
from membench.results.record import Record
from membench.tui.common.engine import Engine, SessionFactory
from membench.tui.common.snapshot import RunView, Snapshot


class PlanRuns:
    """The plan in progress, and all finished runs since the dashboard was started.

    Plans run one after another. The engine executes them in its own thread and posts snapshots; the dashboard passes
    each snapshot to `update`.
    """

    def __init__(
        self, engine: Engine, session_factory: SessionFactory, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Initialise without a plan.

        Args:
            engine: Executes plans.
            session_factory: Returns the session that runs a plan.
            clock: Returns seconds; measures how long a plan takes.
        """
        self.snapshot: Snapshot | None = None
        """The newest snapshot of the plan in progress, or of the last plan."""
        self.finished: tuple[RunView, ...] = ()
        """Finished runs of all plans, and runs opened from the history; the current plan's come last."""
        self._engine, self._session_factory, self._clock = engine, session_factory, clock
        self._started_s = self._ended_s = 0.0
        self._earlier: tuple[RunView, ...] = ()
        """The finished runs that are not part of the current plan."""
        self.tried: Record | None = None
        """The run whose advice the plan tries; None for any other plan."""

    @property
    def in_progress(self) -> bool:
        """Whether a plan is in progress."""
        return self.snapshot is not None and not self.snapshot.over

    @property
    def elapsed_s(self) -> float:
        """Seconds since the plan was started, or the seconds that the last plan took."""
        return (self._clock() if self.in_progress else self._ended_s) - self._started_s

    @property
    def time_left_s(self) -> float | None:
        """Estimated seconds until the end of the plan; None if no plan is in progress."""
        return self.snapshot.left_s(self._clock()) if self.snapshot and self.in_progress else None

    @property
    def unfinished(self) -> int:
        """Number of runs of the plan that are in progress or waiting."""
        return len(self.snapshot.runs) - len(self.snapshot.records) if self.snapshot else 0

    def start(self, plan: Plan) -> None:
        """Start a plan. No other plan may be in progress."""
        self.tried = None
        self._earlier = self.finished
        self._started_s = self._clock()
        self.snapshot = self._engine.run(plan, self._session_factory(plan), first_hue=len(self._earlier))

    def update(self, snapshot: Snapshot) -> tuple[RunView, ...]:
        """Replace the snapshot; return the runs that finished since the last one."""
        known = {run.run_id for run in self.finished[len(self._earlier) :]}
        self.snapshot = snapshot
        finished = tuple(run for run in snapshot.runs if run.record)
        if len(finished) != len(known):
            self.finished = (*self._earlier, *finished)
        if snapshot.over:
            self._ended_s = self._clock()
        return tuple(run for run in finished if run.run_id not in known)

    def start_trial(self, record: Record) -> bool:
        """Start to try the advice of a run. Return whether there is anything to try. No plan may be in progress."""
        plan = trial_plan(record)
        if plan is None:
            return False
        self.start(plan)
        self.tried = record
        return True

    def end_trial(self) -> Record | None:
        """Return the run whose advice the finished plan has tried, with the outcome; None for any other plan."""
        if self.tried is None or self.snapshot is None:
            return None
        trials = trials_of(self.tried, self.snapshot.records)
        if not trials:
            return None
        self.tried = record = msgspec.structs.replace(self.tried, trials=trials)
        self._earlier = tuple(_with_record(run, record) for run in self._earlier)
        self.finished = tuple(_with_record(run, record) for run in self.finished)
        return record

    def open(self, records: Sequence[Record]) -> None:
        """Add stored runs to the finished runs, except those that are there already."""
        known = {run.run_id for run in self.finished}
        next_hue = len(self._earlier) + (len(self.snapshot.runs) if self.snapshot else 0)
        opened = [
            RunView.of_record(record, hue) for hue, record in enumerate(records, next_hue) if record.run_id not in known
        ]
        of_plan = self.finished[len(self._earlier) :]
        self._earlier = (*self._earlier, *opened)
        self.finished = (*self._earlier, *of_plan)

    def skip_run(self) -> None:
        """End the run in progress; the plan continues with the next one."""
        if self._engine.session:
            self._engine.session.skip()

    def stop_plan(self) -> None:
        """End the run in progress, and the plan with it."""
        if self._engine.session:
            self._engine.session.stop()

    def close(self) -> None:
        """End the plan and wait until its processes have ended."""
        self._engine.close()


def _with_record(run: RunView, record: Record) -> RunView:
    """Return the run with a newer record, if it is that of the run."""
    return run.ended(record) if run.run_id == record.run_id else run
