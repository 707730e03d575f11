"""Everything about one run: the verdict, where its time went, its locks, and what no table has room for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.reactive import var
from textual.widgets import Static

from membench.cli.console import remarks
from membench.results.record import Record
from membench.tui.common.colours import QUIET, hue_of
from membench.tui.common.histogram import named
from membench.tui.common.locks import LockTable, rows_of, why_empty
from membench.tui.common.snapshot import RunView
from membench.tui.common.timebar import TimeBar
from membench.tui.common.words import FAINT, audit_of, fairness_of, stages_of, waiting_for, whole_verdict_of
from membench.tui.results.facts import Fact, Facts, prose
from membench.units import format_rate_between, from_home


class Details(VerticalScroll):
    """A panel about one run. Its last lines, on scaling, come later than the others and from elsewhere."""

    run: var[RunView | None] = var(None, init=False)
    """What is shown."""
    scaling: var[tuple[str, ...]] = var((), init=False)
    """How the system of this run scales with clients, a line each."""

    def compose(self) -> ComposeResult:
        """The verdict first, what it rests on below it."""
        yield Static(classes="verdict")
        yield TimeBar()
        yield LockTable()
        yield Facts()

    def watch_run(self, run: RunView | None) -> None:
        """Show it."""
        for child in self.children:
            child.display = run is not None
        self.border_title = Content.styled(run.spec.title(), hue_of(run.hue)) if run else "Selected"
        if run is None or run.record is None:
            return
        why = why_empty(run) if run.course.points else waiting_for(run)
        bar, table = self.query_one(TimeBar), self.query_one(LockTable)
        bar.shares, bar.empty = run.shares, "where client time went is not known"
        table.locks, table.empty = rows_of(run), why
        self.query_one(".verdict", Static).update(Content("\n").join(_verdict(run.record)))
        self._say_more()
        self.scroll_home(animate=False)

    def watch_scaling(self) -> None:
        """Show it."""
        self._say_more()

    def _say_more(self) -> None:
        if self.run is not None and self.run.record is not None:
            facts = _facts(self.run, self.run.record, self.scaling)
            self.query_one(Facts).facts = tuple(fact for fact in facts if fact.items)


def _verdict(record: Record) -> list[Content]:
    error = [Content.styled(f"✗ {record.error}", "$error")] if record.error else []
    return [*error, *whole_verdict_of(record)] or [Content.styled("no verdict: nothing was measured", FAINT)]


def _facts(run: RunView, record: Record, scaling: Iterable[str]) -> Iterator[Fact]:
    """What is known, in the order of what a reader asks next."""
    yield prose("rate", _rate(record))
    yield Fact("latency", tuple(f"{name} {value}" for name, value in named(run.course.latencies)))
    yield Fact("stages", stages_of(record))
    yield prose("fairness", fairness_of(record))
    for number, line in enumerate(scaling):
        yield prose("" if number else "scaling", line.removeprefix("scaling of "))
    yield prose("audit", audit_of(record))
    for remark in remarks([record]):
        if not record.error or record.error not in remark:
            yield remark_of(remark)
    if run.log:
        yield prose("log", from_home(run.log), QUIET)


def remark_of(line: str) -> Fact:
    """`weights: twin = …` as a fact with its label."""
    label, colon, rest = line.strip().partition(": ")
    return prose(label, rest, QUIET) if colon and " " not in label else prose("note", line, QUIET)


def _rate(record: Record) -> str:
    """Throughput with its interval and what was waiting meanwhile."""
    words = f"{format_rate_between(record.memories_per_s, record.memories_per_s_low, record.memories_per_s_high)} memories/s"
    if record.batch_size_mean is not None and record.batch_size_mean > 1:
        words += f", in batches of {record.batch_size_mean:.1f}"
    if record.queue_depth_p99 is not None:
        words += f", queue p99 {record.queue_depth_p99:.0f}"
    return words
