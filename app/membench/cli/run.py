"""`membench-tui run`: measure a plan without a dashboard."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec

from membench.cli.console import Exit, print_error, print_result, print_status
from membench.cli.options import Duration, scenarios_option, takes_files, takes_run_options
from membench.cli.progress import plan_progress
from membench.cli.tables import plain_table, print_table, runs_table
from membench.plan.checks import PlanError
from membench.plan.matrix import Plan, make_plan
from membench.plan.options import Choice
from membench.plan.scenarios import CatalogueError, Scenario, load_catalogue
from membench.report.comparison import strategy_ratios
from membench.report.explanation import explain_run
from membench.report.exports import ExportError, ResultFiles, rescue
from membench.report.published import CAUTION, TITLE, published_cells, published_rows
from membench.report.remarks import remarks
from membench.report.scaling import scaling_text
from membench.report.wording import COMMAND_LINE
from membench.results.history import HistoryWriter, earlier_times
from membench.results.record import Record
from membench.session.events import RunEnded
from membench.session.session import TIMEOUT_S, Session


class _Measured(NamedTuple):
    """What is left of a plan when it ends."""

    records: list[Record]
    was_interrupted: bool
    history_problem: str
    """Why runs are missing from the history; empty if none are."""


@click.command()
@click.argument("scenario", nargs=-1)
@takes_run_options
@click.option("--strategy-option", "strategy_options", metavar="KEY=VALUE", multiple=True,
              help="An option of all strategies that have it; STRATEGY.KEY=VALUE is for one strategy.")  # fmt: skip
@scenarios_option
@click.option("--timeout", "timeout_s", type=Duration(), default=f"{TIMEOUT_S:g}s", show_default=True,
              help="End a run when no operation returns for this long.")  # fmt: skip
@click.option("--explain", is_flag=True, help="Explain each run: where client time went, its locks, and what to try.")
@takes_files
def run(
    scenario: tuple[str, ...],
    run_options: dict[str, Any],
    strategy_options: tuple[str, ...],
    scenarios: Path | None,
    timeout_s: float,
    explain: bool,
    files: ResultFiles | None,
) -> int:
    """Measure each SCENARIO and print a table of the results.

    Without SCENARIO, run the built-in comparison, or every scenario of the file that --scenarios names.

    Options that take several values make a matrix: every combination is a run. Repeat such an option, or write commas
    between its values. An option without a default takes its value from the scenario.
    """
    if run_options["duration_s"] is not None and run_options["items"] is not None:
        raise click.UsageError("--duration and --items: a run ends after a time or after a number; give one of them")
    choice = Choice(
        **run_options,
        scenarios=tuple(dict.fromkeys(scenario)) or None,
        strategy_options=dict(map(_key_and_value, strategy_options)),
    )
    return run_choice(choice, scenarios, files=files, timeout_s=timeout_s, explain=explain)


def run_choice(
    choice: Choice,
    scenario_file: Path | None = None,
    *,
    files: ResultFiles | None = None,
    timeout_s: float = TIMEOUT_S,
    explain: bool = False,
) -> int:
    """Measure what was chosen, print the results and write them to files.

    Args:
        choice: The choice of scenarios and options.
        scenario_file: A scenario file to use instead of the built-in one.
        files: The files for the results.
        timeout_s: How long a run may make no progress.
        explain: Whether to explain each run.

    Returns:
        The exit code.
    """
    files = files or ResultFiles()
    catalogue = _load_catalogue(scenario_file)
    if scenario_file is not None and choice.scenarios is None:
        choice = msgspec.structs.replace(choice, scenarios=tuple(catalogue))
    plan = _make_plan(choice, catalogue, files)
    print_status(plan.summary(earlier_times(plan.runs)))
    for note in plan.notes:
        print_status(f"! {COMMAND_LINE.fact(note)}")
    measured = _measure(plan, timeout_s, files)
    records = measured.records
    write_problem = _write(files, records)
    print_results(records, explain=explain, to_stderr=files.use_stdout)
    _print_published(records, catalogue, to_stderr=files.use_stdout)
    if measured.history_problem:
        print_status(f"! {measured.history_problem}")
    if write_problem:
        _rescue(records, write_problem)
    if measured.was_interrupted:
        return Exit.INTERRUPTED
    return Exit.FAILED if write_problem or any(record.status != "ok" for record in records) else Exit.SUCCESS


def print_results(records: Sequence[Record], *, explain: bool = False, to_stderr: bool = False) -> None:
    """Print the table of all runs and what readers of it must know; to standard error if a file takes the output."""
    print_line = print_status if to_stderr else print_result
    print_table(runs_table([record.summary() for record in records]), to_stderr=to_stderr)
    for line in (*remarks(records), *strategy_ratios(records), *scaling_text(records)):
        print_line(line)
    for record in records if explain else ():
        print_line("")
        for line in explain_run(record):
            print_line(line)


def _print_published(records: Sequence[Record], catalogue: Mapping[str, Scenario], *, to_stderr: bool) -> None:
    """Print published figures next to the measured ones; nothing where none were published of these runs."""
    rows = [published_cells(row) for row in published_rows(records, catalogue)]
    if not rows:
        return
    print_line = print_status if to_stderr else print_result
    print_line("")
    print_line(f"{TITLE}:")
    table = plain_table(*rows[0], numbers=("published",))
    for cells in rows:
        table.add_row(*cells.values())
    print_table(table, to_stderr=to_stderr)
    print_line(CAUTION)


def _load_catalogue(scenario_file: Path | None) -> Mapping[str, Scenario]:
    try:
        return load_catalogue(scenario_file)
    except CatalogueError as error:
        raise click.UsageError(str(error)) from error


def _make_plan(choice: Choice, catalogue: Mapping[str, Scenario], files: ResultFiles) -> Plan:
    """Return the plan, after checking that its results can be written."""
    try:
        plan = make_plan(choice, catalogue)
        files.check(len(plan.runs), catalogue)
    except PlanError as error:
        raise click.UsageError(COMMAND_LINE.plan_error(error)) from error
    except ExportError as error:
        raise click.UsageError(str(error)) from error
    return plan


def _measure(plan: Plan, timeout_s: float, files: ResultFiles) -> _Measured:
    """Run a plan to its end. Each run goes to the history and to the files as soon as it ends."""
    session = Session(plan, timeout_s)
    records: list[Record] = []
    history, history_problem = HistoryWriter(), ""
    with _stop_on_signal(session.stop) as signals, plan_progress(len(plan.runs)) as show:
        for event in session.events():
            show(event)
            if isinstance(event, RunEnded):
                records.append(event.record)
                history_problem = history.add(event.record) or history_problem
                _write(files, records, more_to_come=True)
    return _Measured(records, bool(signals), history_problem)


def _write(files: ResultFiles, records: Sequence[Record], more_to_come: bool = False) -> str:
    """Write the results so far. Return the reason if a file cannot be written, or nothing."""
    try:
        if records:
            files.write(records, more_to_come)
    except ExportError as error:
        return str(error)
    return ""


def _rescue(records: Sequence[Record], write_problem: str) -> None:
    """Write results whose file cannot be written to the folder for temporary files."""
    try:
        print_error(f"{write_problem}; the results are in {rescue(records)}")
    except ExportError as error:
        print_error(f"{write_problem}; and {error}")


@contextmanager
def _stop_on_signal(stop: Callable[[], None]) -> Iterator[list[int]]:
    """Call `stop` on a signal that asks the program to end. Yields the list of the signals received so far.

    `nohup` ignores SIGHUP for the commands that it starts, and it stays ignored.
    """
    received: list[int] = []
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)

    def handle(number: int, _: object) -> None:
        received.append(number)
        stop()

    previous = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _key_and_value(option: str) -> tuple[str, str]:
    key, equals, value = option.partition("=")
    if not equals or not key.strip():
        raise click.UsageError(f"--strategy-option {option}: must be KEY=VALUE")
    return key.strip(), value.strip()
