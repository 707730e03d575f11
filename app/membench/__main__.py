"""The entry point of `membench-tui`. It connects the command line and the dashboard, which never import each other."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from membench.interrupts import exit_on_signals, ignore_signals, raise_on_signals

COMPLETION = "_MEMBENCH_TUI_COMPLETE"
"""The environment variable with which a shell asks click for completions."""


def main() -> NoReturn:
    """Run the command, and exit with its code. An error takes one line.

    Without arguments, a terminal gets the dashboard without the import of the command line.
    """
    gc.disable()  # imports create no garbage, and looking for it takes an eighth of the start
    try:
        exit_on_signals()
        from membench.cli.console import at_terminal, open_closed_streams

        if open_closed_streams():
            opens_dashboard = len(sys.argv) == 1 and at_terminal() and COMPLETION not in os.environ
            code = _dashboard() if opens_dashboard else _command()
        else:
            code = _refuse_closed_output()
    except KeyboardInterrupt:
        ignore_signals()
        from membench.cli.console import Exit

        code = Exit.INTERRUPTED
    except Exception as error:
        code = _report_crash(error)
    ignore_signals()
    sys.exit(code)


def _dashboard(scenarios: Path | None = None, **settings: Any) -> int:
    """Show the dashboard until the user quits, and return the exit code."""
    from membench.cli.console import Exit, print_error
    from membench.plan.scenarios import CatalogueError
    from membench.settings import ConfigError
    from membench.tui.app import run_dashboard

    try:
        return run_dashboard(scenarios, **settings)
    except (CatalogueError, ConfigError) as error:
        print_error(str(error))
        return Exit.USAGE


def _command() -> int:
    """Run the command line, and return the exit code."""
    from membench.cli.main import run_command
    from membench.session.folders import remove_abandoned

    gc.freeze()
    gc.enable()
    raise_on_signals()
    remove_abandoned()
    return run_command(_dashboard)


def _refuse_closed_output() -> int:
    """Refuse to measure what could not be printed."""
    from membench.cli.console import Exit, print_error

    print_error("standard output is closed; redirect it to a file, or to /dev/null")
    return Exit.USAGE


def _report_crash(error: Exception) -> int:
    """Print an unexpected error in one line, and write its traceback to the log."""
    import traceback

    from membench.cli.console import Exit, print_error
    from membench.session.process import log_path
    from membench.text import error_line, mask_secrets

    message = error_line(error)
    try:
        log = log_path("membench-tui")
        log.write_text(mask_secrets("".join(traceback.format_exception(error))), "utf-8", "backslashreplace")
    except OSError:
        print_error(message)
    else:
        print_error(f"{message}; the log is {log}")
    return Exit.FAILED


if __name__ == "__main__":
    main()
