"""The commands on runs that are over: list, show, compare, export and forget them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from membench.cli.console import STATUS_MARKS, Exit, complain, give, give_table, plain_table, remarks, say
from membench.units import format_count, format_latency, format_rate, format_rate_between, format_share, plural

if TYPE_CHECKING:
    from membench.results.history import History
    from membench.results.record import Record

LIMIT = 50
EMPTY = "No run is kept yet: 'membench-tui run' measures, and keeps what it measured."


@click.command()
@click.argument("words", nargs=-1)
@click.option("--limit", type=click.IntRange(1), default=LIMIT, show_default=True, help="The most runs to list.")
def history(words: tuple[str, ...], limit: int) -> int:
    """List this machine's runs, the newest first: all, or those in which every one of WORDS is found.

    What a row begins with is the name of the run; its first letters, `last` or `last~1` will do for the other commands.
    """
    with _history() as kept:
        rows = kept.runs(words)
    if not rows:
        say(f"No run has {' and '.join(map(repr, words))} in it." if words else EMPTY)
        return Exit.DONE
    numbers = ("clients", "ops/s", "p99")
    table = plain_table("", "run", "when", "scenario", "backend", "strategy", "store", *numbers[:1], "precision",
                        *numbers[1:], "status", "verdict", right=numbers)  # fmt: skip
    for row in rows[:limit]:
        table.add_row(
            "★" if row.reference else STATUS_MARKS.get(row.status, ""),
            row.run_id,
            row.when,
            row.scenario,
            row.backend,
            row.strategy or "–",
            row.store or "–",
            str(row.clients),
            row.precision or "–",
            format_rate(row.memories_per_s),
            format_latency(row.latency_p99_ms),
            row.status,
            row.verdict or "–",
        )
    give_table(table)
    if len(rows) > limit:
        say(f"{len(rows) - limit:,} more; --limit {len(rows)} lists them all")
    return Exit.DONE


@click.command()
@click.argument("run")
def show(run: str) -> int:
    """Tell everything about RUN: its verdict, where its clients' time went, its locks and its stages."""
    from membench.report.explanation import explain_run

    (record,) = _records([run])
    for line in explain_run(record):
        give(line)
    for remark in remarks([record]):
        give(remark)
    return Exit.DONE


@click.command()
@click.argument("run")
@click.argument("other")
def compare(run: str, other: str) -> int:
    """Hold RUN against OTHER: how many times faster it is, how sure that is, and whether they are alike."""
    from membench.analysis import comparison
    from membench.report.headline import names_of

    a, b = _records([run, other])
    names = names_of([a, b])
    table = plain_table("", names[a.run_id], names[b.run_id])
    for what, figure in FIGURES.items():
        table.add_row(what, figure(a), figure(b))
    give_table(table)
    ratio = comparison.compare(a, b)
    if ratio is None:
        give("There is no ratio: one of them has no throughput.")
    else:
        give(f"{comparison.ratio_in_words(names[a.run_id], names[b.run_id], ratio)}; {BASIS[ratio.basis]}")
    for difference in comparison.differences(a, b):
        give(f"! not alike: {difference}")
    return Exit.DONE


FIGURES: dict[str, Callable[[Record], str]] = {
    "run": lambda record: record.run_id,
    "when": lambda record: record.started_at.replace("T", " ")[:16] + " UTC",
    "memories/s": lambda record: format_rate_between(
        record.memories_per_s, record.memories_per_s_low, record.memories_per_s_high
    ),
    "p50": lambda record: format_latency(record.latency_p50_ms),
    "p90": lambda record: format_latency(record.latency_p90_ms),
    "p99": lambda record: format_latency(record.latency_p99_ms),
    "longest": lambda record: format_latency(record.latency_max_ms),
    "waiting for locks": lambda record: format_share(record.time_lock),
    "on a core": lambda record: format_share(record.time_cpu),
    "cores used": lambda record: "–" if record.cores_used is None else f"{record.cores_used:.1f}",
    "batch": lambda record: "–" if record.batch_size_mean is None else f"{record.batch_size_mean:.1f}",
    "errors": lambda record: format_count(record.errors),
    "lost": lambda record: format_count(record.lost),
    "status": lambda record: record.status,
    "verdict": lambda record: record.verdict or "–",
}
"""What is set side by side."""
BASIS = {
    "repeats": "95 % interval over the repeats of each",
    "windows": "95 % interval from within each run; --repeats 5 would tell how far runs differ",
    None: "measured too shortly for an interval",
}


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the records as JSON.")
@click.option("--csv", "csv_path", type=click.Path(path_type=Path), help="Write the records as CSV.")
@click.option("--hgrm", "hgrm_path", type=click.Path(path_type=Path),
              help="Write latency percentiles for HdrHistogram's plotter; several runs: numbered files.")  # fmt: skip
def export(runs: tuple[str, ...], json_path: Path | None, csv_path: Path | None, hgrm_path: Path | None) -> int:
    """Write runs of the history to files."""
    from membench.report.exports import ExportError, ResultFiles

    if not (json_path or csv_path or hgrm_path):
        raise click.UsageError("nothing to write to; name a file with --csv, --json or --hgrm")
    records = _records(runs)
    files = ResultFiles(json=json_path, csv=csv_path, hgrm=hgrm_path)
    try:
        files.check(len(records))
    except ExportError as error:
        raise click.UsageError(str(error)) from error
    try:
        written = files.write(records)
    except ExportError as error:
        complain(str(error))
        return Exit.FAILED
    say(f"{plural(len(records), 'run')} written to {', '.join(map(str, written))}")
    return Exit.DONE


@click.command()
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@click.option("--undo", is_flag=True, help="Bring back the runs that were forgotten last.")
def forget(runs: tuple[str, ...], undo: bool) -> int:
    """Delete runs from the history. For seven days, --undo brings them back."""
    if undo == bool(runs):
        raise click.UsageError("name the runs to forget, or --undo to bring back the last ones")
    with _history() as kept:
        if undo:
            say(f"{plural(kept.undo(), 'run')} brought back")
        else:
            names = _resolved(kept, runs)
            kept.delete(names)
            say(f"{plural(len(names), 'run')} forgotten; 'membench-tui forget --undo' brings them back")
    return Exit.DONE


COMMANDS = (history, show, compare, export, forget)


@contextmanager
def _history() -> Iterator[History]:
    """The history; what goes wrong with it in one line."""
    from membench.results.history import History, HistoryError, UnknownRunError

    try:
        with History() as kept:
            yield kept
    except (HistoryError, UnknownRunError) as error:
        raise click.UsageError(str(error)) from error


def _resolved(kept: History, words: Sequence[str]) -> list[str]:
    """The names of the runs that are meant, each once."""
    return list(dict.fromkeys(map(kept.resolve, words)))


def _records(words: Sequence[str]) -> list[Record]:
    with _history() as kept:
        return [kept.record(kept.resolve(word)) for word in words]
