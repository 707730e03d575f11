"""`membench-tui history` and `membench-tui forget`: the finished runs of this machine."""

from __future__ import annotations

import click

from membench.cli.console import Exit, print_status
from membench.cli.records import open_history
from membench.cli.tables import history_table, print_table
from membench.units import plural

ROWS_MAX = 50
EMPTY = "The history is empty. 'membench-tui run' measures runs and adds them."


@click.command()
@click.argument("words", metavar="[WORD]...", nargs=-1)
@click.option("--limit", type=click.IntRange(1), metavar="N", default=ROWS_MAX, show_default=True,
              help="List at most this many runs.")  # fmt: skip
def history(words: tuple[str, ...], limit: int) -> int:
    """List the runs of this machine, the newest first.

    With WORD, list only runs in which every word occurs: a scenario, a backend, a verdict, a date.

    The first column names each run. Other commands take that name, its first letters, `last` or `last~1`.
    """
    with open_history() as opened:
        rows = opened.runs(words)
    if not rows:
        print_status(f"No run contains {' and '.join(map(repr, words))}." if words else EMPTY)
        return Exit.SUCCESS
    print_table(history_table(rows[:limit]))
    if len(rows) > limit:
        print_status(f"{len(rows) - limit:,} more; --limit {len(rows)} lists them all")
    return Exit.SUCCESS


@click.command()
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@click.option("--undo", is_flag=True, help="Restore the runs that were deleted last.")
def forget(runs: tuple[str, ...], undo: bool) -> int:
    """Delete runs from the history.

    For seven days, --undo restores them.
    """
    if undo == bool(runs):
        raise click.UsageError("name the runs to delete, or use --undo to restore those deleted last")
    with open_history() as opened:
        if undo:
            print_status(f"{plural(opened.undo(), 'run')} restored")
        else:
            run_ids = list(dict.fromkeys(map(opened.resolve, runs)))
            opened.delete(run_ids)
            print_status(f"{plural(len(run_ids), 'run')} deleted; 'membench-tui forget --undo' restores them")
    return Exit.SUCCESS
