"""The parent of a measured process: it ends that process and all that it started, and writes their log.

python -m membench.runner.supervisor LIFELINE FOLDER MODULE [ARGUMENT]...

It runs `python -m MODULE FOLDER [ARGUMENT]...` with its own standard input and output, and is idle until that process
ends, prints, or the console ends. LIFELINE is the descriptor of a socket to the console, of which no other process has
a copy: when the console has gone, for whatever reason, the socket ends. When the process has ended, the supervisor
sends the exit code there, negative for a signal.

On Linux the supervisor adopts every descendant whose parent has ended (`PR_SET_CHILD_SUBREAPER`), so that it can end
those that have left their session, too. Elsewhere it ends the processes of its child's group, and their children.

Each repeat waits for its supervisor to start, so this module imports little.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time
from contextlib import suppress

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


def main() -> None:
    """Start the process, wait for its end or the console's, and leave nothing behind."""
    lifeline, folder, *command = sys.argv[1:]
    os.set_inheritable(int(lifeline), False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _ignore)  # the console decides when to end; unlike SIG_IGN, the child does not inherit it
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child_ended = _watch_children()
    runner, prints = _start(folder, command)
    log = CappedLog(2)
    code = _watch(runner, int(lifeline), child_ended, prints, log)
    _kill_all(runner)
    _drain(prints, log)
    log.close()
    if code is not None:
        with suppress(OSError):  # the console does not listen any more
            os.write(int(lifeline), str(code).encode())
        select.select([int(lifeline)], [], [])  # until the console has read it, or has gone
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def _start(folder: str, command: list[str]) -> tuple[int, int]:
    """Start the process, and return its identifier and the read end of the pipe that it prints to."""
    module, *arguments = command
    prints, output = os.pipe()
    runner = os.posix_spawn(
        sys.executable,
        # -P keeps the current folder off the module path, where a user's file could hide a module of ours.
        [sys.executable, "-P", "-m", module, folder, *arguments],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, output, 2)],
        setpgroup=0,
    )
    os.close(output)
    os.set_blocking(prints, False)
    _enlarge(prints)
    nothing = os.open(os.devnull, os.O_RDWR)  # only the process has the pipes of the console
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    return runner, prints


def _enlarge(pipe: int) -> None:
    """Let the process print more before it has to wait for us. Linux only."""
    import fcntl

    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):  # more than this user may have
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _watch(runner: int, lifeline: int, child_ended: int, prints: int, log: CappedLog) -> int | None:
    """Write the log until the process or the console ends. Return the exit code; None if the console has ended."""
    poll = select.poll()
    for source in (lifeline, child_ended, prints):
        poll.register(source, select.POLLIN)
    while True:
        ready = {source for source, _ in poll.poll(LOG_PERIOD_S * 1e3 if log.is_behind else None)}
        if prints in ready and not _copy(prints, log):
            poll.unregister(prints)
        if not ready or log.is_due(LOG_PERIOD_S):
            log.update(with_end=not ready)  # while it prints without a pause, the end is out of date at once
        if child_ended in ready:
            os.read(child_ended, 4096)
            codes, _ = _reap()
            if runner in codes:
                return codes[runner]
        if lifeline in ready:
            return None


def _copy(prints: int, log: CappedLog) -> bool:
    """Copy what is in the pipe to the log. Return whether more may follow."""
    data = os.read(prints, PIPE_BYTES)
    log.write(data)
    return bool(data)


def _drain(prints: int, log: CappedLog) -> None:
    """Copy what is left in the pipe."""
    with suppress(BlockingIOError):  # somebody could still write to it, but nobody does
        while _copy(prints, log):
            pass


def _reap() -> tuple[dict[int, int], bool]:
    """Take note of the children that have ended. Return their exit codes, and whether there are other children."""
    codes = {}
    try:
        while (child := os.waitpid(-1, os.WNOHANG))[0]:
            codes[child[0]] = os.waitstatus_to_exitcode(child[1])
    except ChildProcessError:
        return codes, False
    return codes, True


def _kill_all(runner: int) -> None:
    """End all processes that the measured one started, and itself.

    A process whose parent has been killed becomes a child of this one, so rounds of killing the children find them all.
    """
    until = time.monotonic() + KILLING_S
    while time.monotonic() < until:
        with suppress(ProcessLookupError, PermissionError):  # the group is empty, or has ended
            os.killpg(runner, signal.SIGKILL)
        _, has_children = _reap()
        if not has_children:
            return
        import psutil  # most runs leave nothing behind, and need not wait for this

        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                child.kill()
        time.sleep(PAUSE_S)


def _watch_children() -> int:
    """Return a descriptor that becomes readable whenever a child has ended."""
    ended, wake = os.pipe()
    os.set_blocking(ended, False)
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, _ignore)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    return ended


def _ignore(number: int, frame: object) -> None:
    pass


if __name__ == "__main__":
    main()
