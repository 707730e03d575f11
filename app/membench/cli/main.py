"""The command line. It starts fast: what is measured is loaded only in the runner."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import click
import msgspec

from membench.cli.console import Exit, at_terminal, complain, give, give_results, give_table, plain_table, progress, say
from membench.cli.history import COMMANDS as HISTORY_COMMANDS
from membench.cli.limit import limit
from membench.settings import DEFAULT_FPS, FPS_LEAST, FPS_MOST, THEME_NAMES
from membench.units import parse_duration, suggest

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def run_command() -> int:
    """Do what the command line says; a wrong one is one line and exit code 2."""
    try:
        return cli.main(prog_name="membench-tui", standalone_mode=False) or Exit.DONE
    except click.ClickException as error:
        complain(error.format_message())
        return Exit.USAGE
    except click.Abort:
        return Exit.INTERRUPTED


class Duration(click.ParamType[float]):
    """A duration with its unit, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds in `500ms`, `5s`, `2m`."""
        try:
            return value if isinstance(value, float) else parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class CommaSeparated(click.ParamType[tuple[Any, ...]]):
    """Values with commas between them; the option may also be repeated."""

    name = "a,b,..."

    def __init__(self, convert: Callable[[str], Any] = str, what: str = "name") -> None:
        self._convert, self._what = convert, what

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        """The values, converted."""
        if isinstance(value, tuple):
            return value
        try:
            values = tuple(self._convert(part.strip()) for part in value.split(",") if part.strip())
        except ValueError:
            self.fail(f"{value!r} is no {self._what}", param, ctx)
        return values or self.fail(f"{value!r} names nothing", param, ctx)


class SuggestingGroup(click.Group):
    """A group that knows what was meant by a misspelled command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command, or an error that names the nearest one."""
        if args and self.get_command(ctx, args[0]) is None:
            raise click.UsageError(f"unknown command {args[0]!r}; {suggest(args[0], self.commands)}")
        return super().resolve_command(ctx, args)


def _whole_numbers() -> CommaSeparated:
    return CommaSeparated(int, "whole number")


def _threads(value: str) -> int | None:
    return None if value == "auto" else int(value)


@click.group(cls=SuggestingGroup, invoke_without_command=True, context_settings=HELP)
@click.option("--scenarios", type=click.Path(path_type=Path), help="A scenario file in place of the one that ships.")
@click.option("--theme", type=click.Choice(THEME_NAMES), help="Of the dashboard.  [default: dark]")
@click.option("--fps", type=click.FloatRange(FPS_LEAST, FPS_MOST),
              help=f"The most redraws a second during a run.  [default: {DEFAULT_FPS:g}]")  # fmt: skip
@click.option("--quiet", is_flag=True, default=None, help="Draw nothing but the elapsed time during a run.")
@click.option("--ascii/--no-ascii", default=None, help="Draw with ASCII alone.  [default: where there is no UTF-8]")
@click.version_option(package_name="membench-tui", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context, /, scenarios: Path | None, **settings: Any) -> int | None:
    """See live why an agent-memory layer is slow, and what to choose instead.

    Without a command: the dashboard; where there is no terminal, the built-in comparison as a table.
    """
    if context.invoked_subcommand is not None:
        context.default_map = {command: {"scenarios": scenarios} for command in ("run", "list")}
        return None
    if at_terminal():
        from membench.tui.app import run_dashboard

        return run_dashboard(scenarios, **settings)
    from membench.plan.matrix import Choice

    return _headless(Choice(), scenarios)


@cli.command()
@click.argument("scenario", nargs=-1)
@click.option("--backend", "backends", type=CommaSeparated(), multiple=True, help="Memory systems, or one stage alone.")
@click.option("--strategy", "strategies", type=CommaSeparated(), multiple=True, help="How callers share the model.")
@click.option(
    "--strategy-option", "options", metavar="KEY=VALUE", multiple=True, help="For the strategies that have it."
)
@click.option("--store", "stores", type=CommaSeparated(), multiple=True, help="Vector stores.  [default: local]")
@click.option("--clients", type=_whole_numbers(), multiple=True, help="Concurrent callers.")
@click.option("--threads", type=CommaSeparated(_threads, "whole number or 'auto'"), multiple=True,
              help="Intra-op threads of a model session.  [default: auto]")  # fmt: skip
@click.option("--model", metavar="NAME|DIR", help="A FastEmbed model, or a folder with one.")
@click.option("--precision", "precisions", type=CommaSeparated(), multiple=True,
              help="Of the model's arithmetic: fp32, int8.  [default: fp32]")  # fmt: skip
@click.option("--embedder", metavar="model|fixed",
              help="Where vectors come from; fixed: a table, at no cost.  [default: model]")  # fmt: skip
@click.option("--scenarios", type=click.Path(path_type=Path), help="A scenario file in place of the one that ships.")
@click.option("--corpus", metavar="FILE", help="Your texts: .txt (a line each), .jsonl (field text) or .csv.")
@click.option("--corpus-column", metavar="NAME", help="The column of a .csv corpus.  [default: text]")
@click.option("--duration", type=Duration(), help="Stop after this long, e.g. 5s.")
@click.option("--items", type=int, help="Stop after this many memories.")
@click.option("--rate", type=float, help="Operations a second, all clients together: an open loop.")
@click.option("--arrivals", type=click.Choice(["poisson", "constant"]), help="When they fall due.  [default: poisson]")
@click.option("--repeats", type=int, help="Measure this many times in one process.  [default: 1]")
@click.option("--no-metering", is_flag=True, help="Leave the backend's locks and sleeps unmetered.")
@click.option("--seed", type=int, help="Of the generated texts and arrivals.  [default: 1]")
@click.option("--timeout", type=Duration(), help="End a run when no operation returns for this long.  [default: 1m]")
@click.option("--explain", is_flag=True, help="Say of each run where its clients' time went, and what to try.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the records as JSON.")
@click.option("--csv", "csv_path", type=click.Path(path_type=Path), help="Write the records as CSV.")
@click.option("--markdown", "markdown_path", type=click.Path(path_type=Path),
              help="Write a Markdown table to paste into a report; '-' is standard output.")  # fmt: skip
@click.option("--hgrm", "hgrm_path", type=click.Path(path_type=Path),
              help="Write latency percentiles for HdrHistogram's plotter; several runs: numbered files.")  # fmt: skip
def run(scenario: tuple[str, ...], scenarios: Path | None, **given: Any) -> int:
    """Measure without a dashboard: SCENARIO... by name; without one the built-in comparison, or all of a file of yours.

    Options that take several values make a matrix: every combination is a run of its own.
    """
    from membench.plan.matrix import Choice
    from membench.report.exports import ResultFiles

    choice = {
        "scenarios": tuple(dict.fromkeys(scenario)),
        "backends": _flat(given["backends"]),
        "strategies": _flat(given["strategies"]),
        "strategy_options": dict(_key_and_value(option) for option in given["options"]),
        "stores": _flat(given["stores"]),
        "clients": _flat(given["clients"]),
        "threads": _flat(given["threads"]),
        "precisions": _flat(given["precisions"]),
        "duration_s": given["duration"],
        "target_operations_per_s": given["rate"],
        "metering": not given["no_metering"],
        "embedder": given["embedder"],
        **{key: given[key] for key in ("model", "corpus", "corpus_column", "items", "arrivals", "repeats", "seed")},
    }
    if given["duration"] is not None and given["items"] is not None:
        raise click.UsageError("--duration and --items: a run stops after a time or a number; give one of them")
    files = ResultFiles(**{kind: given[f"{kind}_path"] for kind in ("json", "csv", "hgrm", "markdown")})
    unset: tuple[Any, ...] = ((), None)
    return _headless(
        Choice(**{key: value for key, value in choice.items() if value not in unset}),
        scenarios,
        files,
        given["timeout"],
        given["explain"],
    )


def _headless(
    choice: Any, scenarios: Path | None, files: Any = None, timeout_s: float | None = None, explain: bool = False
) -> int:
    """Make a plan, run it, and give the table."""
    from membench.plan.matrix import PlanError, make_plan
    from membench.plan.scenarios import CatalogueError, load_catalogue
    from membench.report.exports import ExportError, ResultFiles
    from membench.results.history import Keeper, earlier_times
    from membench.session.events import RunEnded
    from membench.session.session import TIMEOUT_S, Session

    files = files or ResultFiles()
    try:
        catalogue = load_catalogue(scenarios)
        if scenarios is not None and choice.scenarios is None:
            choice = msgspec.structs.replace(choice, scenarios=tuple(catalogue))
        plan = make_plan(choice, catalogue)
        files.check(len(plan.runs))
    except (CatalogueError, PlanError, ExportError) as error:
        raise click.UsageError(str(error)) from error
    say(plan.summary(earlier_times(plan.runs)))
    for note in plan.notes:
        say(f"! {note}")
    session = Session(plan, timeout_s or TIMEOUT_S)
    records: list[Any] = []
    keeper, unkept = Keeper(), ""
    with _signals(session.stop) as interrupted, progress(len(plan.runs)) as reporter:
        for event in session.events():
            reporter.see(event)
            if isinstance(event, RunEnded):
                records.append(event.record)
                unkept = keeper.keep(event.record) or unkept
                _write(files, records, more_to_come=True)
    unwritten = _write(files, records)
    give_results(records, explain, to_stderr=files.takes_stdout)
    if unkept:
        say(f"! {unkept}")
    if unwritten:
        _rescue(records, unwritten)
    if interrupted:
        return Exit.INTERRUPTED
    return Exit.FAILED if unwritten or any(record.status != "ok" for record in records) else Exit.DONE


def _write(files: Any, records: Sequence[Any], more_to_come: bool = False) -> str:
    """Write what there is so far; the reason if a file cannot be written."""
    from membench.report.exports import ExportError

    if not records:
        return ""
    try:
        files.write(records, more_to_come)
    except ExportError as error:
        return str(error)
    return ""


def _rescue(records: Sequence[Any], why: str) -> None:
    from membench.report.exports import ExportError, rescue

    try:
        complain(f"{why}; the results are in {rescue(records)}")
    except ExportError as error:
        complain(f"{why}; and {error}")


@contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[list[int]]:
    """Turn the signals that ask for an end into an orderly one; the list holds those that came."""
    came: list[int] = []

    def handle(number: int, _: object) -> None:
        came.append(number)
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _flat(values: tuple[tuple[Any, ...], ...]) -> tuple[Any, ...]:
    """The values of a repeated, comma-separated option, each once, in order."""
    return tuple(dict.fromkeys(value for group in values for value in group))


def _key_and_value(option: str) -> tuple[str, str]:
    key, equals, value = option.partition("=")
    if not equals or not key.strip():
        raise click.UsageError(f"--strategy-option {option!r}: write it as key=value")
    return key.strip(), value.strip()


@cli.command(name="list")
@click.option("--scenarios", type=click.Path(path_type=Path), help="A scenario file in place of the one that ships.")
def list_(scenarios: Path | None) -> None:
    """What there is to choose from, what is missing, and how to get it."""
    from membench.plan.inventory import inventory
    from membench.plan.scenarios import CatalogueError, load_catalogue

    try:
        catalogue = load_catalogue(scenarios)
    except CatalogueError as error:
        raise click.UsageError(str(error)) from error
    for heading, rows in inventory(catalogue).items():
        table = plain_table(heading, "", "")
        for row in rows:
            table.add_row(*row)
        give_table(table)
        give("")


@cli.group(invoke_without_command=True, cls=SuggestingGroup)
@click.pass_context
def models(context: click.Context) -> None:
    """What model weights are on this machine; `twin` and `pull` get them."""
    if context.invoked_subcommand is None:
        from membench.plan.inventory import model_rows

        table = plain_table("model", "weights", "where")
        for row in model_rows():
            table.add_row(*row)
        give_table(table)


@models.command()
@click.option("--model", default="BAAI/bge-small-en-v1.5", show_default=True)
def twin(model: str) -> int:
    """Build the speed twin of a model: its exact shape with random weights."""
    return _prepare("twin", model)


@models.command()
@click.option("--model", default="BAAI/bge-small-en-v1.5", show_default=True)
def pull(model: str) -> int:
    """Fetch a model's real weights into FastEmbed's cache. The only command that uses the network."""
    return _prepare("pull", model)


def _prepare(action: Literal["twin", "pull"], model: str) -> int:
    from membench.cli.console import downloading
    from membench.messages.run import Failed, Prepared
    from membench.session.process import MeasuredProcess

    process = MeasuredProcess("membench.runner.models", f"models-{action}", arguments=(action, model))
    try:
        with downloading(model) as show:
            for message in process.messages():
                match message:
                    case Prepared(weights=weights, folder=folder):
                        give(f"{weights} weights of {model}: {folder}")
                        return Exit.DONE
                    case Failed(error=error):
                        complain(error)
                        return Exit.FAILED
                    case _:
                        show(message)
    finally:
        process.end()
    complain(process.death())
    return Exit.FAILED


for command in (limit, *HISTORY_COMMANDS):
    cli.add_command(command)


@cli.command()
def doctor() -> int:
    """Look at this machine for what spoils a benchmark."""
    from membench.machine.doctor import examine

    findings = examine()
    table = plain_table("", "what", "found", "what to do")
    for finding in findings:
        table.add_row("!" if finding.advice else "✓", finding.what, finding.found, finding.advice)
    give_table(table)
    return Exit.DONE
