"""`membench-tui export`: runs of the history as files."""

from __future__ import annotations

import click

from membench.cli.console import Exit, print_error, print_status
from membench.cli.options import takes_files
from membench.cli.records import read_records
from membench.report.exports import ExportError
from membench.report.outputs import ResultFiles
from membench.units import plural


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@takes_files
def export(runs: tuple[str, ...], files: ResultFiles | None) -> int:
    """Write runs of the history to files."""
    if files is None:
        raise click.UsageError("no file is named; use --json, --csv, --markdown or --hgrm")
    records = read_records(runs)
    try:
        files.check(records)
    except ExportError as error:
        raise click.UsageError(str(error)) from error
    try:
        written = files.write(records)
    except ExportError as error:
        print_error(str(error))
        return Exit.FAILED
    print_status(f"{plural(len(records), 'run')} written to {', '.join(map(str, written))}")
    return Exit.SUCCESS
