"""Snapshots of a plan: what the engine's thread posts to the screens."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import msgspec
from msgspec.structs import asdict, replace

from membench.analysis.figures import Figures
from membench.plan.matrix import expected_s
from membench.results.record import Record
from membench.results.summary import RunSummary
from membench.session.progress import RunProgress
from membench.session.timeline import Point
from membench.spec.run import RunSpec


class RunView(RunSummary, frozen=True, kw_only=True):
    """A run as the dashboard displays it."""

    hue: int
    """Its number among the runs of this dashboard, from which it has its colour in every chart and table."""
    progress: RunProgress | None = None
    """What the charts of Live draw; None before the first message, and for a run of the history."""
    began_s: float | None = None
    """When the process of its current repeat was started, by the engine's clock; None between repeats."""
    took_s: float = 0.0
    """Seconds that its processes took so far, from start to end."""
    log: Path | None = None
    record: Record | None = None
    """None until the run has ended, and for a row of the history."""

    @classmethod
    def of_spec(cls, spec: RunSpec, hue: int) -> Self:
        """Return the view of a run that waits."""
        return cls(figures=Figures(**asdict(spec)), state="waiting", hue=hue)

    @classmethod
    def of_summary(cls, summary: RunSummary, hue: int) -> Self:
        """Return the view of a run of which a summary is known."""
        return cls(**_fields(summary), hue=hue)

    @classmethod
    def of_record(cls, record: Record, hue: int) -> Self:
        """Return the view of a stored run."""
        return cls(**_fields(record.summary()), hue=hue, record=record)

    @property
    def repeats_done(self) -> int:
        """How many of its repeats are over; all of them once it has ended, also when it failed before the last."""
        return self.figures.repeats if self.has_ended else len(self.figures.memories_per_s_repeats)

    @property
    def measured_s(self) -> float:
        """Measured seconds available to plot."""
        return self.progress.measured_s if self.progress else 0.0

    def within(self, span_s: float | None) -> tuple[Point, ...]:
        """Return the points of the last seconds; of the whole run for None."""
        return self.progress.within(span_s) if self.progress else ()

    def ended(self, record: Record) -> RunView:
        """Return the run as its record describes it."""
        return replace(self, **_fields(record.summary()), record=record)


class Snapshot(msgspec.Struct, frozen=True):
    """A plan at one moment."""

    plan_id: str
    runs: tuple[RunView, ...]
    current: int | None = None
    """The index of the run in progress."""
    over: bool = False
    """Whether the plan has ended."""
    problem: str = ""
    """Why the plan could not be completed, if the engine itself failed."""
    revision: int = 0
    """Rises with every full update. In other snapshots, only the current rate differs visibly from the one before."""

    @property
    def records(self) -> tuple[Record, ...]:
        """The records of the finished runs, in order."""
        return tuple(run.record for run in self.runs if run.record)

    def with_run(self, index: int, run: RunView) -> Snapshot:
        """Return the same snapshot with one run replaced."""
        return replace(self, runs=(*self.runs[:index], run, *self.runs[index + 1 :]))

    def left_s(self, now_s: float) -> float:
        """Return about how many seconds the rest of the plan takes, at the pace of the repeats so far."""
        done = [run for run in self.runs if run.took_s and run.repeats_done]
        expected = sum(expected_s(run.figures) * run.repeats_done / run.figures.repeats for run in done)
        pace = sum(run.took_s for run in done) / expected if done else 1.0
        left_s = 0.0
        for run in self.runs:
            if not run.has_ended:
                spent_s = now_s - run.began_s if run.began_s is not None else 0.0
                left_s += max(expected_s(run.figures) * pace - run.took_s - spent_s, 0.0)
        return left_s


def _fields(summary: RunSummary) -> dict[str, Any]:
    return {name: getattr(summary, name) for name in RunSummary.__struct_fields__}
