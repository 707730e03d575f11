"""`membench-tui show`: one run in full."""

from __future__ import annotations

import click

from membench.cli.console import Exit, print_result
from membench.cli.records import read_records
from membench.report.explanation import explain_run
from membench.report.remarks import remarks


@click.command()
@click.argument("run")
def show(run: str) -> int:
    """Explain RUN: its verdict, client time, locks and stages."""
    records = read_records([run])
    for line in (*explain_run(records[0]), *remarks(records)):
        print_result(line)
    return Exit.SUCCESS
