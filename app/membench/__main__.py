"""Where `membench-tui` begins. A start without arguments loads the dashboard and nothing else."""

from __future__ import annotations

import gc
import sys
from typing import NoReturn


def main() -> NoReturn:
    """The console script: every error is one line and an exit code."""
    gc.disable()  # nothing that is loaded is garbage, and looking for some takes an eighth of the start
    try:
        from membench.cli.console import at_terminal

        code = _dashboard() if len(sys.argv) == 1 and at_terminal() else _command()
    except KeyboardInterrupt:
        from membench.cli.console import Exit

        code = Exit.INTERRUPTED
    except Exception as error:
        code = _keep_traceback(error)
    sys.exit(code)


def _dashboard() -> int:
    from membench.tui.app import run_dashboard

    return run_dashboard()


def _command() -> int:
    from membench.cli.main import run_command

    gc.freeze()
    gc.enable()
    return run_command()


def _keep_traceback(error: Exception) -> int:
    """Say in one line what nobody foresaw; the log gets the rest."""
    import traceback

    from membench.cli.console import Exit, complain
    from membench.session.process import log_path
    from membench_backends.base import in_one_line

    what = in_one_line(error)
    try:
        log = log_path("membench-tui")
        log.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        complain(what)
    else:
        complain(f"{what}; the log is {log}")
    return Exit.FAILED


if __name__ == "__main__":
    main()
