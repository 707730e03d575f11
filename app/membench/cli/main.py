"""The command group, and how errors of the command line are reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import click

from membench.cli.compare import compare
from membench.cli.console import Exit, at_terminal, print_error
from membench.cli.doctor import doctor
from membench.cli.export import export
from membench.cli.groups import SuggestingGroup
from membench.cli.history import forget, history
from membench.cli.limit import limit
from membench.cli.list import list_
from membench.cli.models import models
from membench.cli.options import BoundedNumber, scenarios_option
from membench.cli.run import run, run_choice
from membench.cli.show import show
from membench.plan.options import Choice
from membench.settings import DEFAULT_FPS, FPS_MAX, FPS_MIN, THEME_NAMES

CONTEXT_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class OpenDashboard(Protocol):
    """A function that shows the dashboard until the user leaves it, and returns the exit code."""

    def __call__(
        self, scenarios: Path | None, *, theme: str | None, fps: float | None, quiet: bool | None, ascii: bool | None
    ) -> int:
        """Show the dashboard. None leaves a setting to the user's settings file."""


def run_command(open_dashboard: OpenDashboard) -> int:
    """Run what the command line asks for, and return the exit code.

    Args:
        open_dashboard: Shows the dashboard, which the command line does not import.
    """
    try:
        return cli.main(prog_name="membench-tui", standalone_mode=False, obj=open_dashboard) or Exit.SUCCESS
    except click.ClickException as error:
        print_error(error.format_message())
        return Exit.USAGE
    except click.Abort:
        return Exit.INTERRUPTED


@click.group(cls=SuggestingGroup, invoke_without_command=True, context_settings=CONTEXT_SETTINGS)
@scenarios_option
@click.option("--theme", type=click.Choice(THEME_NAMES), show_default="dark", help="Colours of the dashboard.")
@click.option("--fps", type=BoundedNumber(FPS_MIN, FPS_MAX), metavar="NUMBER", show_default=f"{DEFAULT_FPS:g}",
              help="Maximum redraws per second during a run.")  # fmt: skip
@click.option("--quiet", is_flag=True, default=None, help="Draw only the elapsed time during a run.")
@click.option("--ascii/--no-ascii", default=None, show_default="where the terminal has no UTF-8",
              help="Draw with ASCII characters only.")  # fmt: skip
@click.version_option(package_name="membench-tui", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context, /, scenarios: Path | None, **settings: Any) -> int | None:
    """Show live why an agent-memory system is slow, and what to choose instead.

    Without a command, open the dashboard. Where there is no terminal, run the built-in comparison instead.
    """
    if context.invoked_subcommand is not None:
        context.default_map = {command: {"scenarios": scenarios} for command in ("run", "list")}
        return None
    if at_terminal():
        open_dashboard: OpenDashboard = context.obj
        return open_dashboard(scenarios, **settings)
    return run_choice(Choice(), scenarios)


for command in (run, list_, models, limit, history, show, compare, export, forget, doctor):
    cli.add_command(command)
