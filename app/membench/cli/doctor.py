"""`membench-tui doctor`: what on this machine distorts a benchmark."""

from __future__ import annotations

import click

from membench.cli.console import Exit
from membench.cli.tables import PlainTable, print_table
from membench.machine.doctor import examine


@click.command()
def doctor() -> int:
    """Check this machine for what distorts a benchmark.

    An exclamation mark precedes each finding that can distort one.
    """
    table = PlainTable("", "check", "finding", "what to do")
    for finding in examine():
        table.add_row("!" if finding.advice else "✓", finding.check, finding.value, finding.advice)
    print_table(table)
    return Exit.SUCCESS
