"""What the places need of the app that they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.notifications import SeverityLevel
from textual.reactive import var

from membench.plan.scenarios import Scenario
from membench.report.wording import DASHBOARD
from membench.results.history import HistoryWriter
from membench.results.record import Record
from membench.text import one_line
from membench.tui.common.engine import Drawing
from membench.tui.common.runs import PlanRuns
from membench.tui.common.snapshot import RunView, Snapshot
from membench.tui.common.textual_overrides import FastStartApp

PLAN_IN_PROGRESS = "A plan is in progress: 2 shows it, x in Live stops it."


class DashboardApp(FastStartApp):
    """The app as its places see it. A base class, because the app itself imports the places."""

    snapshot: var[Snapshot | None] = var(None, init=False)
    """The plan in progress or the last plan, at the rate at which it is redrawn."""
    finished: var[tuple[RunView, ...]] = var((), init=False)
    """Finished runs of all plans since the dashboard was started, and runs opened from the history."""

    catalogue: Mapping[str, Scenario]
    """The scenarios to choose from, with their published figures."""
    drawing: Drawing
    """How much is drawn during a run."""
    facts: tuple[str, ...]
    """The machine, the model and its weights, as every place shows them."""
    runs: PlanRuns
    """The plan in progress and the finished runs."""

    @property
    def running(self) -> bool:
        """Whether a plan is in progress."""
        return self.runs.in_progress

    @property
    def elapsed_s(self) -> float:
        """Seconds since the plan was started, or the seconds that the last plan took."""
        return self.runs.elapsed_s

    @property
    def time_left_s(self) -> float | None:
        """Estimated seconds until the end of the plan; None if no plan is in progress."""
        return self.runs.time_left_s

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a notification in one line above the key bar, where it covers no figure. Ignores markup."""
        text = one_line(f"{title}: {message}" if title else message)
        super().notify(text, severity=severity, timeout=timeout, markup=False)

    def publish_runs(self) -> None:
        """Update the variables that the places watch."""
        self.snapshot, self.finished = self.runs.snapshot, self.runs.finished

    def try_advice(self, run: RunView | None) -> None:
        """Measure what the advice for a run recommends, next to the run, and show it in Live."""
        if self.running:
            self.notify(PLAN_IN_PROGRESS, severity="warning")
        elif run is None or run.record is None or not self.runs.start_trial(run.record):
            self.notify("There is nothing to try: no advice for this run names another choice.", severity="warning")
        else:
            self.publish_runs()
            self.switch_mode("live")

    def keep_trial(self, record: Record) -> None:
        """Store what came of trying the advice for a run, and go back to the run, unless the user is elsewhere."""
        self.publish_runs()
        reason = HistoryWriter().add(record)
        outcomes = "; ".join(map(DASHBOARD.trial, record.trials))
        severity: SeverityLevel = "warning" if reason else "information"
        self.notify(reason or outcomes, title=record.title(), severity=severity, timeout=12)
        if self.current_mode in ("live", "results"):
            self.open_records([record])

    def open_records(self, records: Sequence[Record]) -> None:
        """Show stored runs in Results, with the cursor on the first."""
        raise NotImplementedError

    def show_log(self, run: RunView | None) -> None:
        """Open the log of a run, if it has one."""
        raise NotImplementedError
