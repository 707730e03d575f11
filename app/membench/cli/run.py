"""`membench-tui run`: measure a plan without a dashboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from membench.cli.console import Exit, print_error, print_result, print_status
from membench.cli.measuring import Measured, measure, try_advice
from membench.cli.options import (
    Duration,
    OwnOption,
    backend_declarations,
    scenarios_option,
    strategy_declarations,
    takes_files,
    takes_run_options,
)
from membench.cli.tables import PlainTable, print_table, runs_table
from membench.interrupts import Interrupts
from membench.plan.checks import PlanError
from membench.plan.matrix import Plan, make_plan
from membench.plan.options import Choice
from membench.plan.scenarios import CatalogueError, Scenario, load_catalogue
from membench.report.comparison import choice_ratios
from membench.report.explanation import explain_run
from membench.report.exports import ExportError
from membench.report.outputs import ResultFiles, rescue
from membench.report.published import CAUTION, TITLE, published_cells, published_rows
from membench.report.remarks import remarks
from membench.report.scaling import scaling_text
from membench.report.wording import COMMAND_LINE
from membench.results.history import earlier_times
from membench.results.record import Record
from membench.session.session import TIMEOUT_S


@click.command()
@click.argument("scenario", nargs=-1)
@takes_run_options
@click.option("--strategy-option", "strategy_options", multiple=True, type=OwnOption(strategy_declarations),
              help="An option of all strategies that have it; STRATEGY.KEY=VALUE is for one strategy.")  # fmt: skip
@click.option("--backend-option", "backend_options", multiple=True,
              type=OwnOption(backend_declarations, several=True),
              help="An option of all backends that have it; BACKEND.KEY=VALUE is for one backend.")  # fmt: skip
@scenarios_option
@click.option("--timeout", "timeout_s", type=Duration(), default=f"{TIMEOUT_S:g}s", show_default=True,
              help="End a run when no operation returns for this long.")  # fmt: skip
@click.option("--explain", is_flag=True, help="Explain each run: where client time went, its locks, and what to try.")
@click.option("--try", "tries", is_flag=True,
              help="Try the advice: measure the alternative of each run next to it, and print the gain.")  # fmt: skip
@takes_files
def run(
    scenario: tuple[str, ...],
    run_options: dict[str, Any],
    strategy_options: tuple[tuple[str, str], ...],
    backend_options: tuple[tuple[str, str], ...],
    scenarios: Path | None,
    timeout_s: float,
    explain: bool,
    tries: bool,
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
        strategy_options=dict(strategy_options),
        backend_options=_alternatives(backend_options),
    )
    return run_choice(choice, scenarios, files=files, timeout_s=timeout_s, explain=explain, tries=tries)


def run_choice(
    choice: Choice,
    scenario_file: Path | None = None,
    *,
    files: ResultFiles | None = None,
    timeout_s: float = TIMEOUT_S,
    explain: bool = False,
    tries: bool = False,
) -> int:
    """Measure what was chosen, print the results and write them to files.

    Args:
        choice: The choice of scenarios and options.
        scenario_file: A scenario file to use instead of the built-in one.
        files: The files for the results.
        timeout_s: How long a run may make no progress.
        explain: Whether to explain each run.
        tries: Whether to try the advice of each run.

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
    with Interrupts() as interrupts:  # also while the results are written and printed
        measured = measure(plan, timeout_s, interrupts, lambda records: _write(files, records, more_to_come=True))
        if tries and not interrupts.received:
            measured = try_advice(measured.records, timeout_s, interrupts)
        is_good = _deliver(measured, catalogue, files, explain=explain)
    if interrupts.received:
        return Exit.INTERRUPTED
    return Exit.SUCCESS if is_good else Exit.FAILED


def _deliver(measured: Measured, catalogue: Mapping[str, Scenario], files: ResultFiles, *, explain: bool) -> bool:
    """Write and print the results. Return whether that succeeded and every run went well."""
    records = measured.records
    write_problem = _write(files, records)
    print_results(records, explain=explain, to_stderr=files.use_stdout)
    _print_published(records, catalogue, to_stderr=files.use_stdout)
    if problem := write_problem or (measured.history_problem if not files.has_all else ""):
        _rescue(records, problem)
    if measured.history_problem and problem != measured.history_problem:
        print_status(f"! {measured.history_problem}")
    return not write_problem and all(record.status == "ok" for record in records)


def print_results(records: Sequence[Record], *, explain: bool = False, to_stderr: bool = False) -> None:
    """Print the table of all runs and what readers of it must know; to standard error if a file takes the output."""
    print_line = print_status if to_stderr else print_result
    print_table(runs_table([record.summary() for record in records]), to_stderr=to_stderr)
    for line in (*remarks(records), *choice_ratios(records), *scaling_text(records)):
        print_line(line)
    for record in records:
        if explain:
            for line in ("", *explain_run(record)):
                print_line(line)
        else:
            for trial in record.trials:
                print_line(f"{record.title()}: {COMMAND_LINE.trial(trial)}")


def _print_published(records: Sequence[Record], catalogue: Mapping[str, Scenario], *, to_stderr: bool) -> None:
    """Print published figures next to the measured ones; nothing where none were published of these runs."""
    rows = [published_cells(row) for row in published_rows(records, catalogue)]
    if not rows:
        return
    print_line = print_status if to_stderr else print_result
    print_line("")
    print_line(f"{TITLE}:")
    table = PlainTable(*rows[0], numbers=("published",))
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
        files.check(plan.runs, catalogue)
    except PlanError as error:
        raise click.UsageError(COMMAND_LINE.plan_error(error)) from error
    except ExportError as error:
        raise click.UsageError(str(error)) from error
    return plan


def _write(files: ResultFiles, records: Sequence[Record], more_to_come: bool = False) -> str:
    """Write the results so far. Return the reason if a file cannot be written, or nothing."""
    try:
        if records:
            files.write(records, more_to_come)
    except ExportError as error:
        return str(error)
    return ""


def _rescue(records: Sequence[Record], problem: str) -> None:
    """Write results that cannot be written where they belong to the folder for temporary files."""
    if not records:
        print_error(problem)
        return
    try:
        print_error(f"{problem}; the results are in {rescue(records)}")
    except ExportError as error:
        print_error(f"{problem}; and {error}")


def _alternatives(options: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the values of each key, with commas between them, also where a key was given several times."""
    alternatives: dict[str, list[str]] = {}
    for key, values in options:
        alternatives.setdefault(key, []).append(values)
    return {key: ",".join(values) for key, values in alternatives.items()}
