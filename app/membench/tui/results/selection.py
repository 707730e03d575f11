"""Which runs Results displays together, and in which views."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from membench.analysis.groups import same_task
from membench.report.scaling import scaling_group_of, scaling_groups
from membench.results.record import Record
from membench.tui.common.snapshot import RunView

View = Literal["run", "throughput", "latency", "scaling"]
"""The content of the lower half: the selected run, or a chart of several."""
COMPARED_MAX = 10
"""Most runs in a chart, unless the user marks more."""


class Selection(NamedTuple):
    """The finished runs, and those that the user has marked and selected."""

    finished: tuple[RunView, ...]
    marked: tuple[RunView, ...]
    """In the order in which they were marked."""
    selected: RunView | None

    @property
    def chosen(self) -> tuple[RunView, ...]:
        """The runs to copy or export: the marked ones, or else all."""
        return self.marked or self.finished

    @property
    def has_scaling(self) -> bool:
        """Whether the marked runs contain a group with enough numbers of clients."""
        return bool(scaling_groups(records_of(self.marked)))

    def compared(self, view: View) -> tuple[RunView, ...]:
        """Return the runs of a chart: the marked ones; one marked run and the selected one; or comparable runs."""
        selected, marked = self.selected, self.marked
        if len(marked) == 1 and selected and selected not in marked:
            return (*marked, selected)
        if marked or selected is None or selected.record is None:
            return marked
        peers = self._scaling_peers(selected.record) if view == "scaling" else self._peers(selected.record)
        return peers[:COMPARED_MAX]

    def views(self, *, narrow: bool) -> list[View]:
        """Return the views that have something to display; `narrow` for a terminal with room for one chart."""
        if not self.finished:
            return ["run"]
        runs = self.marked
        if not runs and self.selected and self.selected.record:
            runs = self._scaling_peers(self.selected.record)
        views: list[View] = ["run", "throughput"]
        if narrow:
            views.append("latency")
        if scaling_groups(records_of(runs)):
            views.append("scaling")
        return views

    def _peers(self, record: Record) -> tuple[RunView, ...]:
        """Return the runs of the same task."""
        task = same_task(record)
        return tuple(run for run in self.finished if run.record and same_task(run.record) == task)

    def _scaling_peers(self, record: Record) -> tuple[RunView, ...]:
        """Return the runs of the same system with other numbers of clients."""
        group = scaling_group_of(record, records_of(self.finished))
        names = set(group.key) if group else {record.run_id}
        return tuple(run for run in self.finished if run.run_id in names)


def records_of(runs: Iterable[RunView]) -> tuple[Record, ...]:
    """Return the records of the finished runs among some runs."""
    return tuple(run.record for run in runs if run.record)
