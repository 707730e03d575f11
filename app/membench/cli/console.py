"""What the command line says: results to standard output, all else to standard error. Nothing else prints."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

from membench.messages.run import Auditing, LimitTried, Loading, Message, Progress, Tick, WarmingUp
from membench.session.events import Event, RunEnded, RunMessage, RunStarted
from membench.units import format_count, format_latency, format_rate, format_rate_between, format_share, plural

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.table import Table

    from membench.results.record import Record
    from membench.session.measurement import Measurement

PIPED_WIDTH = 160
"""Columns of a table that goes to a file or a pipe, where nothing says how wide the paper is."""

STATUS_MARKS = {"ok": "✓", "failed": "✗", "partial": "◐", "timeout": "✗", "crashed": "✗"}


class Exit(IntEnum):
    """What the exit code of the command says."""

    DONE = 0
    FAILED = 1
    """A run failed or lost data, or a file could not be written."""
    USAGE = 2
    INTERRUPTED = 130


def at_terminal() -> bool:
    """Whether there is a person who can type and see."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def say(text: str) -> None:
    """A line for the person at the terminal."""
    print(text, file=sys.stderr, flush=True)


def complain(text: str) -> None:
    """One line that says what went wrong and what to do."""
    say(f"membench-tui: {text}")


def give(text: str) -> None:
    """A result."""
    print(text, flush=True)


def give_table(table: Table, to_stderr: bool = False) -> None:
    """A table as a result: as wide as the terminal, or as it needs to be in a pipe."""
    from rich.console import Console

    stream = sys.stderr if to_stderr else sys.stdout
    Console(width=None if stream.isatty() else PIPED_WIDTH, highlight=False, stderr=to_stderr).print(table)


def give_results(records: Sequence[Record], explain: bool, to_stderr: bool) -> None:
    """The table of all runs and what must be said of them; to standard error where a file already has the output."""
    from membench.report.explanation import explain_run, explain_scaling, explain_strategies

    tell = say if to_stderr else give
    give_table(results_table(records), to_stderr)
    for remark in remarks(records):
        tell(remark)
    for line in (*explain_strategies(records), *explain_scaling(records)):
        tell(line)
    if explain:
        for record in records:
            tell("")
            for line in explain_run(record):
                tell(line)


def plain_table(*columns: str, right: Sequence[str] = ()) -> Table:
    """An empty table without lines; the columns in `right` hold numbers."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def results_table(records: Sequence[Record]) -> Table:
    """The runs, a row each, in the order they were made."""
    numbers = ("clients", "ops/s", "p50", "p99", "lock %", "errors", "stored", "lost")
    words = ("weights", "status", "verdict")
    # The table is wide already: what is the same in every run is left to the titles of the remarks.
    precision = ["precision"] if len({record.precision for record in records} - {None}) > 1 else []
    table = plain_table("", "scenario", "backend", "strategy", *precision, "store", *numbers, *words, right=numbers)
    for record in records:
        table.add_row(
            STATUS_MARKS[record.status],
            record.scenario,
            record.backend,
            record.strategy or "–",
            *(record.precision or "–" for _ in precision),
            record.store or "–",
            str(record.clients),
            format_rate_between(record.memories_per_s, record.memories_per_s_low, record.memories_per_s_high),
            format_latency(record.latency_p50_ms),
            format_latency(record.latency_p99_ms),
            format_share(record.time_lock),
            format_count(record.errors),
            format_count(record.stored),
            format_count(record.lost),
            record.weights or "–",
            record.status,
            record.verdict or "–",
        )
    return table


def remarks(records: Sequence[Record]) -> Iterator[str]:
    """What the table cannot say: why runs failed, which errors there were, and what the figures rest on."""
    for record in records:
        name = record.title()
        if record.error:
            yield f"{STATUS_MARKS[record.status]} {name}: {record.error}"
        if record.error_kinds:
            kinds = ", ".join(f"{kind} x {count:,}" for kind, count in record.error_kinds.items())
            yield f"  {name}: operations that raised: {kinds}"
        if record.batch_call is False:
            yield f"  {name}: takes no list, so each memory of the batch was added by a call of its own"
        if record.precision_cosine is not None:
            cosine = f"{record.precision_cosine:.4f} over a fixed sample of texts"
            yield f"  {name}: {record.precision} against fp32: mean cosine {cosine}"
        if record.loop == "open" and record.target_operations_per_s and record.memories_per_s is not None:
            achieved = record.memories_per_s / record.batch_size
            yield f"  {name}: asked for {record.target_operations_per_s:g} operations a second, achieved {format_rate(achieved)}"
    if any(record.weights == "twin" for record in records):
        yield "weights: twin = the model's exact shape with random weights: its speed is real, its similarities are not"
    if any(record.embedder == "fixed" for record in records):
        yield "embedder: fixed = each text gets a ready vector from a table: the figures are of all else"
    environment = next((record.environment for record in records if record.environment), None)
    if environment:
        yield f"machine: {environment['cpu']}, {environment['cores']} cores, Python {environment['python']}"


class Reporter(Protocol):
    """Tells the person at the terminal how a plan goes."""

    def see(self, event: Event) -> None:
        """Take notice of an event."""


@contextmanager
def progress(runs: int) -> Iterator[Reporter]:
    """A live bar on standard error where that is a terminal, and a line a run where it is not."""
    if not sys.stderr.isatty():
        yield _Lines(runs)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (BarColumn(20), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _Bar(bars, runs)


class _Lines:
    def __init__(self, runs: int) -> None:
        self._runs = runs
        self._title = ""

    def see(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._title = event.spec.title()
        elif isinstance(event, RunEnded):
            say(f"[{event.index + 1}/{self._runs}] {STATUS_MARKS[event.record.status]} {self._title}: "
                f"{_outcome(event.record)}")  # fmt: skip


class _Bar:
    def __init__(self, bars: Bars, runs: int) -> None:
        self._bars = bars
        self._task = bars.add_task("starting", total=runs)
        self._title = ""

    def see(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._title = event.spec.title()
            self._bars.update(self._task, description=f"{self._title}  starting")
        elif isinstance(event, RunMessage):
            stage = stage_of(event.message, event.measurement)
            if stage:
                self._bars.update(self._task, description=f"{self._title}  {stage}")
        else:
            self._bars.update(self._task, advance=1)


def stage_of(message: Message, measurement: Measurement) -> str | None:
    """What a run is doing, in a few words; None where the message does not change that."""
    match message:
        case Loading(stage=stage):
            return stage
        case WarmingUp(items=items):
            return f"warming up with {format_count(items)}"
        case Tick():
            return f"{format_rate(measurement.memories_per_s)} ops/s"
        case Auditing():
            return "reading the store back"
        case Progress(done=done, total=total):
            return f"{done / 1e6:.0f} of {total / 1e6:.0f} MB" if total else f"{done / 1e6:.0f} MB"
        case _:
            return None


def _outcome(record: Record) -> str:
    if record.status != "ok":
        return f"{record.status}: {record.error}"
    return (
        f"{format_rate(record.memories_per_s)} ops/s, p50 {format_latency(record.latency_p50_ms)}, "
        f"p99 {format_latency(record.latency_p99_ms)}"
    )


@contextmanager
def downloading(model: str) -> Iterator[Callable[[Message], None]]:
    """Shows how the preparation of a model goes: a bar on a terminal, a line a stage elsewhere."""
    if not sys.stderr.isatty():
        yield _say_stage
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(30), DownloadColumn(), TransferSpeedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(model, total=None)

        def show(message: Message) -> None:
            if isinstance(message, Progress):
                bars.update(task, completed=message.done, total=message.total or None)
            elif isinstance(message, Loading):
                bars.update(task, description=message.stage)

        yield show


def _say_stage(message: Message) -> None:
    if isinstance(message, Loading):
        say(message.stage)


@contextmanager
def searching() -> Iterator[Callable[[Message], None]]:
    """Shows how the search for a limit goes: a bar on a terminal, a line a layout elsewhere."""
    if not sys.stderr.isatty():
        yield _say_tried
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (BarColumn(20), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("starting", total=None)

        def show(message: Message) -> None:
            if isinstance(message, LimitTried):
                bars.update(task, completed=message.done, total=message.total, description=_tried(message))
            elif isinstance(message, Loading):
                bars.update(task, description=message.stage)

        yield show


def _say_tried(message: Message) -> None:
    if isinstance(message, LimitTried):
        say(f"[{message.done}/{message.total}] {_tried(message)}")
    else:
        _say_stage(message)


def _tried(message: LimitTried) -> str:
    """`2 batchers, 1 thread, 1 session, 256 tokens: 281 texts/s`."""
    layout = message.layout
    return (
        f"{plural(layout.batchers, 'batcher')}, {plural(layout.threads, 'thread')}, "
        f"{plural(layout.sessions, 'session')}, {layout.token_budget} tokens: {format_rate(message.texts_per_s)} texts/s"
    )
