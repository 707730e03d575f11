"""`membench-tui list`: what a plan can name."""

from __future__ import annotations

from pathlib import Path

import click

from membench.cli.console import Exit, print_result
from membench.cli.options import scenarios_option
from membench.cli.tables import PlainTable, print_table
from membench.plan.inventory import inventory
from membench.plan.scenarios import CatalogueError, load_catalogue


@click.command(name="list")
@scenarios_option
def list_(scenarios: Path | None) -> int:
    """List scenarios, backends, strategies, stores and models.

    Shows what is missing on this machine, and how to get it.
    """
    try:
        catalogue = load_catalogue(scenarios)
    except CatalogueError as error:
        raise click.UsageError(str(error)) from error
    for heading, rows in inventory(catalogue).items():
        table = PlainTable(heading, "", "")
        for row in rows:
            table.add_row(*row)
        print_table(table)
        print_result("")
    return Exit.SUCCESS
