"""The command's entry point, called in a child of this process for each case.

A fork has the modules loaded already, so that a case takes milliseconds, and is as isolated as a new process. What the
child prints goes to a file, and its exit code is the command's.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import tempfile
from collections.abc import Sequence

from faults.campaign import Outcome
from faults.sandbox import Sandbox

PATIENCE_S = 60


def run_forked(sandbox: Sandbox, arguments: Sequence[str]) -> Outcome:
    """Run `membench-tui` in the sandbox, as `Sandbox.run` does, and return its outcome."""
    with tempfile.TemporaryFile(dir=sandbox.root) as err:
        child = os.fork()
        if child == 0:
            _be_the_command(sandbox, arguments, err.fileno())
        code = os.waitstatus_to_exitcode(_wait(child))
        err.seek(0)
        printed = err.read().decode(errors="replace")
    left = ", ".join(path.name for path in sandbox.leftovers())
    return Outcome(repr(list(arguments)), code, printed, left)


def _be_the_command(sandbox: Sandbox, arguments: Sequence[str], err: int) -> None:
    """Become the command; never returns."""
    code = 70
    try:
        os.setsid()
        os.chdir(sandbox.work)
        os.environ.update(sandbox.environment)
        tempfile.tempdir = None
        null = os.open(os.devnull, os.O_RDWR)
        for target, source in ((0, null), (1, null), (2, err)):
            os.dup2(source, target)
        sys.argv = ["membench-tui", *arguments]
        from membench.__main__ import main

        main()
    except SystemExit as exited:
        code = exited.code if isinstance(exited.code, int) else 1
    except BaseException as error:
        os.write(2, f"Traceback: {error!r}\n".encode())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait(child: int) -> int:
    """Return the status of a child; one that takes too long is killed."""
    descriptor = os.pidfd_open(child)
    try:
        if not select.select([descriptor], [], [], PATIENCE_S)[0]:
            os.killpg(child, signal.SIGKILL)
    finally:
        os.close(descriptor)
    return os.waitpid(child, 0)[1]
