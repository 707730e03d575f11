"""The dashboard in a terminal of its own: how it is left."""

from __future__ import annotations

import os
import pty
import select
import signal
import sys
from collections.abc import Callable

import pytest

PATIENCE_S = 30.0
RESTORED = b"\x1b[?1049l"


def read_until(terminal: int, wanted: bytes) -> bytes:
    """What the terminal shows up to some bytes, or up to its end."""
    seen = b""
    while wanted not in seen and select.select([terminal], [], [], PATIENCE_S)[0]:
        try:
            chunk = os.read(terminal, 1 << 16)
        except OSError:  # Linux: the other end is closed
            break
        if not chunk:
            break
        seen += chunk
    return seen


def by_signal(number: signal.Signals) -> Callable[[int, int], None]:
    return lambda process, terminal: os.kill(process, number)


def by_key(key: bytes) -> Callable[[int, int], None]:
    return lambda process, terminal: os.write(terminal, key) and None


@pytest.mark.parametrize(
    ("leave", "code"),
    [
        (by_key(b"q"), 0),
        (by_key(b"\x03"), 130),
        (by_signal(signal.SIGTERM), 130),
        (by_signal(signal.SIGHUP), 130),
        (by_signal(signal.SIGINT), 130),
    ],
    ids=["q", "ctrl-c", "SIGTERM", "SIGHUP", "SIGINT"],
)
def test_leaving_restores_the_terminal(leave: Callable[[int, int], None], code: int) -> None:
    process, terminal = pty.fork()
    if process == 0:
        os.environ |= {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "36"}
        os.execv(sys.executable, [sys.executable, "-c", "from app.cli import main; main()"])
    assert b"agentmem" in read_until(terminal, b"agentmem")
    leave(process, terminal)
    shown = read_until(terminal, b"no such bytes")
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == code
    assert RESTORED in shown and b"Traceback" not in shown
    os.close(terminal)
