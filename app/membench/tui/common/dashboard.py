"""What the places need of the app that they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.notifications import SeverityLevel
from textual.reactive import var

from membench.plan.scenarios import Scenario
from membench.results.record import Record
from membench.tui.common.engine import Drawing
from membench.tui.common.runs import PlanRuns
from membench.tui.common.snapshot import RunView, Snapshot
from membench.tui.common.textual_overrides import FastStartApp


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
        text = f"{title}: {message}" if title else message
        super().notify(text, severity=severity, timeout=timeout, markup=False)

    def open_records(self, records: Sequence[Record]) -> None:
        """Show stored runs in Results, with the cursor on the first."""
        raise NotImplementedError

    def show_log(self, run: RunView | None) -> None:
        """Open the log of a run, if it has one."""
        raise NotImplementedError
