"""Progress on standard error: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from membench.cli.console import print_status
from membench.messages.encoding import Message
from membench.messages.preparation import LimitTried, Progress
from membench.messages.run import Loading
from membench.report.remarks import STATUS_MARKS, latency_text
from membench.report.stages import stage_of
from membench.session.events import Event, RepeatStarted, RunEnded, RunMessage, RunPaused
from membench.text import clean, mask_secrets
from membench.units import format_rate, plural

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import ProgressColumn

    from membench.plan.matrix import Plan
    from membench.results.record import Record


@contextmanager
def plan_progress(plan: Plan) -> Iterator[Callable[[Event], None]]:
    """Show the progress of a plan: a bar, or a line per repeat. Yields a function that takes each event."""
    if not sys.stderr.isatty():
        yield _PlanLines(plan).show
        return
    with _bars(*_counting_columns()) as bars:
        yield _PlanBar(bars, plan).show


@contextmanager
def limit_progress() -> Iterator[Callable[[Message], None]]:
    """Show the progress of the search for a limit: a bar, or a line per layout. Yields a function for each message."""
    if not sys.stderr.isatty():
        yield _print_limit_message
        return
    with _bars(*_counting_columns()) as bars:
        task = bars.add_task("starting", total=None)

        def show(message: Message) -> None:
            if isinstance(message, LimitTried):
                bars.update(task, completed=message.done, total=message.total, description=_tried_text(message))
            elif isinstance(message, Loading):
                bars.update(task, description=clean(message.stage))

        yield show


@contextmanager
def model_progress(model: str) -> Iterator[Callable[[Message], None]]:
    """Show the progress of a download or a build: a bar, or a line per stage. Yields a function for each message."""
    if not sys.stderr.isatty():
        yield _print_stage
        return
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(30), DownloadColumn(), TransferSpeedColumn())
    with _bars(*columns) as bars:
        task = bars.add_task(clean(model), total=None)

        def show(message: Message) -> None:
            if isinstance(message, Progress):
                bars.update(task, completed=message.done, total=message.total or None)
            elif isinstance(message, Loading):
                bars.update(task, description=clean(message.stage))

        yield show


def _bars(*columns: ProgressColumn) -> Bars:
    from rich.console import Console
    from rich.progress import Progress as Bars

    return Bars(*columns, console=Console(stderr=True), transient=True)


def _counting_columns() -> tuple[ProgressColumn, ...]:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn

    return BarColumn(20), MofNCompleteColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()


class _Count:
    """The repeats of a plan that are done. Those that a run skips because it failed count as done."""

    def __init__(self, plan: Plan) -> None:
        self.total = sum(run.repeats for run in plan.runs)
        self.done = 0
        self._left = [run.repeats for run in plan.runs]

    def see(self, event: RunPaused | RunEnded) -> None:
        """Take the end of a repeat, or of a run, into account."""
        done = self._left[event.index] if isinstance(event, RunEnded) else 1
        self._left[event.index] -= done
        self.done += done


class _PlanLines:
    """One line per repeat."""

    def __init__(self, plan: Plan) -> None:
        self._count = _Count(plan)

    def show(self, event: Event) -> None:
        if not isinstance(event, RunPaused | RunEnded):
            return
        self._count.see(event)
        record = event.record
        if isinstance(event, RunEnded):
            mark, outcome = STATUS_MARKS[record.status], _outcome(record)
        else:
            mark, outcome = "·", f"{format_rate(record.memories_per_s_repeats[-1])} memories/s, {record.error}"
        print_status(f"[{self._count.done}/{self._count.total}] {mark} {record.title()}: {outcome}")


class _PlanBar:
    """A bar that counts repeats and describes the run in progress."""

    def __init__(self, bars: Bars, plan: Plan) -> None:
        self._bars = bars
        self._count = _Count(plan)
        self._task = bars.add_task("starting", total=self._count.total)
        self._title = ""

    def show(self, event: Event) -> None:
        match event:
            case RepeatStarted(spec=spec):
                self._title = spec.title()
                self._describe("starting")
            case RunMessage(message=message, measurement=measurement):
                self._describe(stage_of(message, measurement))
            case RunPaused() | RunEnded():
                self._count.see(event)
                self._bars.update(self._task, completed=self._count.done)

    def _describe(self, stage: str | None) -> None:
        if stage:
            self._bars.update(self._task, description=clean(mask_secrets(f"{self._title}  {stage}")))


def _outcome(record: Record) -> str:
    if record.status != "ok":
        return f"{record.status}: {record.error}"
    return (
        f"{format_rate(record.memories_per_s)} memories/s, p50 {latency_text(record, record.latency_p50_ms)}, "
        f"p99 {latency_text(record, record.latency_p99_ms)}, max {latency_text(record, record.latency_max_ms)}"
    )


def _print_stage(message: Message) -> None:
    if isinstance(message, Loading):
        print_status(message.stage)


def _print_limit_message(message: Message) -> None:
    if isinstance(message, LimitTried):
        print_status(f"[{message.done}/{message.total}] {_tried_text(message)}")
    else:
        _print_stage(message)


def _tried_text(message: LimitTried) -> str:
    """Return `2 batchers, 1 thread, 1 session, 256 tokens: 281 texts/s`."""
    layout, rate = message.layout, format_rate(message.texts_per_s)
    return (
        f"{plural(layout.batchers, 'batcher')}, {plural(layout.threads, 'thread')}, "
        f"{plural(layout.sessions, 'session')}, {layout.token_budget} tokens: {rate} texts/s"
    )
