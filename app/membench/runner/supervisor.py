"""The parent of a measured process: it ends that process and all that it started, and writes their log.

python -m membench.runner.supervisor LIFELINE FOLDER MODULE [ARGUMENT]...

It runs `python -m MODULE FOLDER [ARGUMENT]...` with its own standard input and output, and is idle until that process
ends, prints, or the console ends. LIFELINE is the descriptor of a socket to the console, of which no other process has
a copy: when the console has gone, for whatever reason, the socket ends. When the process has ended, the supervisor
sends the exit code there, negative for a signal.

On Linux the supervisor adopts every descendant whose parent has ended (`PR_SET_CHILD_SUBREAPER`), so that it can end
those that have left their session, too. Elsewhere it ends the processes of its child's group, and their children.
"""

from __future__ import annotations

import ctypes
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from membench.runner.log import CappedLog

PR_SET_CHILD_SUBREAPER = 36
"""Of `prctl(2)`."""
LOG_PERIOD_S = 0.5
"""How often the log file is brought up to date while the process prints."""
PIPE_BYTES = 1 << 20
KILLING_S = 5.0
"""How long to go on killing processes that appear again or do not end."""
PAUSE_S = 0.005
"""Time between two rounds of killing."""


def main() -> NoReturn:
    """Start the process, wait for its end or the console's, and leave nothing behind."""
    lifeline = socket.socket(fileno=int(sys.argv[1]))
    lifeline.set_inheritable(False)
    folder = Path(sys.argv[2])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _ignore)  # the console decides when to end; unlike SIG_IGN, the child does not inherit it
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with _child_ends() as child_ended:
        runner, output = _start(folder)
        with closing(CappedLog(2)) as log, open(output, "rb", buffering=0) as prints:
            code = _watch(runner, lifeline, child_ended, prints.fileno(), log)
            _kill_all(runner)
            _drain(prints.fileno(), log)
    if code is None:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        with suppress(OSError):
            lifeline.send(str(code).encode())
    os._exit(0)


def _start(folder: Path) -> tuple[int, int]:
    """Start the process, and return its identifier and the read end of the pipe that it prints to."""
    prints, output = os.pipe()
    process = subprocess.Popen(
        # -P keeps the current folder off the module path, where a user's file could hide a module of ours.
        [sys.executable, "-P", "-m", sys.argv[3], str(folder), *sys.argv[4:]],
        stderr=output,
        process_group=0,
    )
    os.close(output)
    os.set_blocking(prints, False)
    _enlarge(prints)
    with open(os.devnull, "r+b") as nothing:  # only the process has the pipes of the console
        os.dup2(nothing.fileno(), 0)
        os.dup2(nothing.fileno(), 1)
    return process.pid, prints


def _enlarge(pipe: int) -> None:
    """Let the process print more before it has to wait for us. Linux only."""
    import fcntl

    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):  # beyond what this user may have
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _watch(runner: int, lifeline: socket.socket, child_ended: int, prints: int, log: CappedLog) -> int | None:
    """Write the log until the process or the console ends. Return the exit code; None if the console has ended."""
    with selectors.DefaultSelector() as selector:
        for source in (lifeline.fileno(), child_ended, prints):
            selector.register(source, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in selector.select(LOG_PERIOD_S if log.is_behind else None)}
            if prints in ready and not _copy(prints, log):
                selector.unregister(prints)
            if not ready or log.is_due(LOG_PERIOD_S):
                log.update()
            if child_ended in ready:
                os.read(child_ended, 4096)
                if (code := _reap(runner)) is not None:
                    return code
            if lifeline.fileno() in ready:
                return None


def _copy(prints: int, log: CappedLog) -> bool:
    """Copy what is in the pipe to the log. Return whether more may follow."""
    try:
        data = os.read(prints, PIPE_BYTES)
    except BlockingIOError:
        return True
    log.write(data)
    return bool(data)


def _drain(prints: int, log: CappedLog) -> None:
    """Copy what is left in the pipe, if nobody writes to it any more."""
    with suppress(BlockingIOError):
        while data := os.read(prints, PIPE_BYTES):
            log.write(data)


def _reap(runner: int) -> int | None:
    """Take note of the children that have ended. Return the exit code of the process once it has."""
    code = None
    with suppress(ChildProcessError):
        while (child := os.waitpid(-1, os.WNOHANG))[0]:
            if child[0] == runner:
                code = os.waitstatus_to_exitcode(child[1])
    return code


def _kill_all(runner: int) -> None:
    """End all processes that the measured one started, and itself.

    A process whose parent has been killed becomes a child of this one, so rounds of killing the children find them all.
    """
    import psutil

    until = time.monotonic() + KILLING_S
    while time.monotonic() < until:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(runner, signal.SIGKILL)
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                child.kill()
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(PAUSE_S)


@contextmanager
def _child_ends() -> Iterator[int]:
    """Yield a descriptor that becomes readable whenever a child has ended."""
    ended, wake = os.pipe()
    os.set_blocking(ended, False)
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, _ignore)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    yield ended
    signal.set_wakeup_fd(-1)


def _ignore(number: int, frame: object) -> None:
    pass


if __name__ == "__main__":
    main()
