"""Tables on standard output: the runs of a plan, the rows of the history, and plain ones."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from membench.analysis.groups import threads_text
from membench.report.remarks import STATUS_MARKS, latency_text, marked_rate, rate_text
from membench.results.rows import HistoryRow
from membench.results.summary import RunSummary
from membench.text import clean, secrets_masker
from membench.units import format_count, format_rate, format_share
from membench_backends.options import options_text

PIPED_WIDTH = 220
"""Columns of a table that goes to a file or a pipe, which has no width of its own."""
REFERENCE_MARK = "★"

Cell = Callable[[RunSummary], str]


class PlainTable:
    """A table without lines, whose cells are text and never markup."""

    def __init__(self, *columns: str, numbers: Sequence[str] = ()) -> None:
        """Name the columns; those in `numbers` are aligned to the right."""
        self.columns, self.numbers = columns, numbers
        self.rows: list[tuple[str, ...]] = []

    def add_row(self, *cells: str) -> None:
        """Add a row, with a cell per column."""
        self.rows.append(cells)


def print_table(table: PlainTable, *, to_stderr: bool = False) -> None:
    """Print a table, as wide as the terminal; in a pipe, as wide as it needs to be."""
    from rich.console import Console
    from rich.table import Table

    mask = secrets_masker()
    drawn = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in table.columns:
        justify: Literal["right", "left"] = "right" if column in table.numbers else "left"
        drawn.add_column(clean(column), justify=justify, overflow="fold")
    for row in table.rows:
        drawn.add_row(*(clean(mask(cell)) for cell in row))
    stream = sys.stderr if to_stderr else sys.stdout
    width = None if stream.isatty() else PIPED_WIDTH
    Console(width=width, highlight=False, markup=False, emoji=False, stderr=to_stderr).print(drawn)


def runs_table(runs: Sequence[RunSummary]) -> PlainTable:
    """Return the runs of a plan, one per row, in the order in which they were measured."""
    # The table is wide already: a precision that all runs share is left to the titles of the remarks.
    has_precisions = len({run.figures.precision for run in runs} - {None}) > 1
    return _summary_table(runs, _PLAN_CELLS, without=() if has_precisions else ("precision",))


def history_table(rows: Sequence[HistoryRow]) -> PlainTable:
    """Return rows of the history; a star marks references."""
    return _summary_table(rows, _HISTORY_CELLS)


def _summary_table(runs: Sequence[RunSummary], columns: Mapping[str, Cell], without: Sequence[str] = ()) -> PlainTable:
    if not any(run.figures.backend_note() for run in runs):
        without = (*without, "options")
    cells = {name: cell for name, cell in columns.items() if name not in without}
    table = PlainTable("", *cells, numbers=_NUMBERS)
    for run in runs:
        table.add_row(_mark(run), *(cell(run) for cell in cells.values()))
    return table


def _mark(run: RunSummary) -> str:
    is_reference = isinstance(run, HistoryRow) and run.reference
    return REFERENCE_MARK if is_reference else STATUS_MARKS.get(run.state, "")


_SYSTEM_CELLS: Mapping[str, Cell] = {
    "scenario": lambda run: run.figures.scenario,
    "backend": lambda run: run.figures.backend,
    "options": lambda run: options_text(run.figures.backend_options) or "–",
    "strategy": lambda run: run.figures.strategy or "–",
    "precision": lambda run: run.figures.precision or "–",
    "threads": lambda run: threads_text(run.figures),
    "store": lambda run: run.figures.store or "–",
    "clients": lambda run: run.clients_text,
}
_OUTCOME_CELLS: Mapping[str, Cell] = {
    "status": lambda run: run.state,
    "verdict": lambda run: run.error if run.state == "damaged" and run.error else run.verdict or "–",
}
_PLAN_CELLS: Mapping[str, Cell] = {
    **_SYSTEM_CELLS,
    "memories/s": lambda run: rate_text(run.figures, run.state),
    "p50": lambda run: latency_text(run.figures, run.figures.latency_p50_ms),
    "p99": lambda run: latency_text(run.figures, run.figures.latency_p99_ms),
    "max": lambda run: latency_text(run.figures, run.figures.latency_max_ms),
    "lock %": lambda run: format_share(run.figures.time_lock),
    "errors": lambda run: format_count(run.figures.errors),
    "stored": lambda run: format_count(run.figures.stored),
    "lost": lambda run: format_count(run.figures.lost),
    "weights": lambda run: run.figures.weights or "–",
    **_OUTCOME_CELLS,
}
_HISTORY_CELLS: Mapping[str, Cell] = {
    "run": lambda run: run.run_id,
    "when": lambda run: run.when if isinstance(run, HistoryRow) else "–",
    **_SYSTEM_CELLS,
    "memories/s": lambda run: marked_rate(format_rate(run.figures.memories_per_s), run.figures, run.state),
    "p99": lambda run: latency_text(run.figures, run.figures.latency_p99_ms),
    "max": lambda run: latency_text(run.figures, run.figures.latency_max_ms),
    **_OUTCOME_CELLS,
}
_NUMBERS = ("clients", "memories/s", "p50", "p99", "max", "lock %", "errors", "stored", "lost")
