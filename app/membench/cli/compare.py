"""`membench-tui compare`: two runs side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import click

from membench.analysis import comparison
from membench.cli.console import Exit, print_result
from membench.cli.records import read_records
from membench.cli.tables import PlainTable, print_table
from membench.report.comparison import INTERVAL_BASIS, differences, names_of, ratio_text
from membench.report.remarks import is_void, latency_text, rate_text
from membench.results.record import Record
from membench.units import format_count, format_share

_FIGURES: Mapping[str, Callable[[Record], str]] = {
    "run": lambda record: record.run_id,
    "started": lambda record: record.started_at.replace("T", " ")[:16] + " UTC",
    "memories/s": lambda record: rate_text(record, record.status),
    "p50": lambda record: latency_text(record, record.latency_p50_ms),
    "p90": lambda record: latency_text(record, record.latency_p90_ms),
    "p99": lambda record: latency_text(record, record.latency_p99_ms),
    "max": lambda record: latency_text(record, record.latency_max_ms),
    "waiting for locks": lambda record: format_share(record.time_lock),
    "on a core": lambda record: format_share(record.time_cpu),
    "cores used": lambda record: _one_decimal(record.cores_used),
    "batch size": lambda record: _one_decimal(record.batch_size_mean),
    "errors": lambda record: format_count(record.errors),
    "lost": lambda record: format_count(record.lost),
    "status": lambda record: record.status,
    "verdict": lambda record: record.verdict or "–",
}
"""The rows of the comparison."""


@click.command()
@click.argument("run")
@click.argument("other")
def compare(run: str, other: str) -> int:
    """Compare RUN with OTHER.

    Shows how many times faster RUN is, how certain that is, and under which conditions the two runs differ.
    """
    records = read_records([run, other])
    a, b = records
    names = names_of(records)
    table = PlainTable("", names[a.run_id], names[b.run_id])
    for name, cell in _FIGURES.items():
        table.add_row(name, cell(a), cell(b))
    print_table(table)
    ratio = comparison.compare(a, b)
    if ratio is None:
        print_result("There is no ratio: one of the runs has no throughput.")
    else:
        print_result(f"{ratio_text(names[a.run_id], names[b.run_id], ratio)}; {INTERVAL_BASIS[ratio.basis]}")
    for record in records:
        if is_void(record, record.status):
            print_result(f"! {names[record.run_id]}: {record.error or record.status}; its rate is not that of the work")
    for difference in differences(a, b):
        print_result(f"! conditions differ: {difference}")
    return Exit.SUCCESS


def _one_decimal(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
