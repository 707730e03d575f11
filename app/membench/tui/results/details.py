"""Everything known about one run: its verdict, client time, locks, and what no table has room for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.reactive import var

from membench.analysis.groups import threads_text
from membench.report.explanation import (
    audit_text,
    concurrency_text,
    errors_text,
    fairness_text,
    latency_texts,
    stage_texts,
    starvation_text,
    suspicion_text,
)
from membench.report.remarks import rate_text, remarks
from membench.results.record import Record
from membench.tui.common.colours import QUIET, hue_of
from membench.tui.common.locks import LockTable, lock_rows, no_locks_text
from membench.tui.common.plain import Static, plain
from membench.tui.common.snapshot import RunView
from membench.tui.common.timebar import TimeBar, time_parts
from membench.tui.common.words import FAINT, no_data_text, verdict_paragraphs
from membench.tui.results.facts import Fact, Facts, prose
from membench.units import abbreviate_home
from membench_backends.options import key_values


class Details(VerticalScroll):
    """A panel about one run. The lines on scaling are set apart from the run, because they take time to compute."""

    run: var[RunView | None] = var(None, init=False)
    """The run."""
    scaling: var[tuple[str, ...]] = var((), init=False)
    """How the system of the run scales with clients, line by line."""
    published: var[tuple[str, ...]] = var((), init=False)
    """Figures published of the run's workload and system, line by line."""

    def compose(self) -> ComposeResult:
        """Compose the verdict, and below it what it is based on."""
        yield Static(classes="verdict")
        yield TimeBar()
        yield LockTable()
        yield Facts()

    def watch_run(self, run: RunView | None) -> None:
        """Display another run."""
        for child in self.children:
            child.display = run is not None
        self.border_title = plain(run.figures.title()).stylize(hue_of(run.hue)) if run else "Selected"
        if run is None or run.record is None:
            return
        bar, table = self.query_one(TimeBar), self.query_one(LockTable)
        bar.parts, bar.empty = time_parts(run.record), "client time was not measured"
        table.locks = lock_rows(run.record)
        table.empty = no_locks_text(run) if run.record.measured_s else no_data_text(run)
        self.query_one(".verdict", Static).update(Content("\n").join(_verdict(run.record)))
        self._update_facts()
        self.scroll_home(animate=False)

    def watch_published(self) -> None:
        """Display other published figures."""
        self._update_facts()

    def watch_scaling(self) -> None:
        """Display other lines on scaling."""
        self._update_facts()

    def _update_facts(self) -> None:
        if self.run is not None and self.run.record is not None:
            facts = _facts(self.run, self.run.record, self.scaling, self.published)
            self.query_one(Facts).facts = tuple(fact for fact in facts if fact.items)


def _verdict(record: Record) -> list[Content]:
    error = [Content.styled(f"✗ {record.error}", "$error")] if record.error else []
    return [*error, *verdict_paragraphs(record)] or [Content.styled("no verdict: nothing was measured", FAINT)]


def _facts(run: RunView, record: Record, scaling: Iterable[str], published: Iterable[str]) -> Iterator[Fact]:
    """Yield what is known, the most asked for first."""
    yield prose("rate", _rate(record))
    yield Fact("latency", tuple(f"{name} {value}" for name, value in latency_texts(record)))
    yield prose("", starvation_text(record))
    yield prose("errors", errors_text(record))
    yield prose("clients", concurrency_text(record))
    yield prose("suspect", suspicion_text(record))
    yield Fact("stages", stage_texts(record))
    yield Fact("settings", tuple(_settings(record)))
    yield prose("fairness", fairness_text(record))
    for number, line in enumerate(scaling):
        yield prose("" if number else "scaling", line.removeprefix("scaling of "))
    for number, line in enumerate(published):
        yield prose("" if number else "published", line)
    yield prose("audit", audit_text(record))
    for remark in remarks([record]):
        if not record.error or record.error not in remark:
            yield _remark(remark)
    if run.log:
        yield prose("log", abbreviate_home(run.log), QUIET)


def _settings(record: Record) -> Iterator[str]:
    """Yield the threads of the model, and the options of backend and strategy."""
    if record.strategy:
        yield f"threads {threads_text(record)}"
    yield from key_values({**record.backend_options, **record.strategy_options})


def _remark(line: str) -> Fact:
    """Return `weights: twin = …` with its label, and any other line as a note."""
    label, colon, rest = line.strip().partition(": ")
    return prose(label, rest, QUIET) if colon and " " not in label else prose("note", line, QUIET)


def _rate(record: Record) -> str:
    """Return the throughput with its interval, and how requests were batched."""
    batches = depth = ""
    if record.batch_size_mean is not None and record.batch_size_mean > 1:
        batches = f", in batches of {record.batch_size_mean:.1f}"
    if record.queue_depth_p99 is not None:
        depth = f", queue p99 {record.queue_depth_p99:.0f}"
    return f"{rate_text(record, record.status)} memories/s{batches}{depth}"
