"""The dashboard in a pseudo-terminal: how it starts and ends."""

from __future__ import annotations

import os
import pty
import select
import signal
import sys
from collections.abc import Callable

import psutil
import pytest

from membench.settings import config_path

pytestmark = pytest.mark.xdist_group("measures")

TIMEOUT_S = 30.0
RESTORED = b"\x1b[?1049l"
"""Leaves the alternate screen."""


def read_until(terminal: int, wanted: bytes) -> bytes:
    """Return what the terminal displays up to some bytes, or up to its end."""
    seen = b""
    while wanted not in seen and select.select([terminal], [], [], TIMEOUT_S)[0]:
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


def dashboard(*arguments: str) -> tuple[int, int]:
    """Start the dashboard; return its process and its terminal."""
    process, terminal = pty.fork()
    if process == 0:
        os.environ |= {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "36"}
        os.execv(sys.executable, [sys.executable, "-m", "membench", *arguments])
    return process, terminal


@pytest.mark.parametrize(
    ("quit_by", "code"),
    [
        (by_key(b"q"), 0),
        (by_key(b"\x03"), 130),
        (by_signal(signal.SIGTERM), 130),
        (by_signal(signal.SIGHUP), 130),
        (by_signal(signal.SIGINT), 130),
    ],
    ids=["q", "ctrl-c", "SIGTERM", "SIGHUP", "SIGINT"],
)
def test_quitting_restores_the_terminal(quit_by: Callable[[int, int], None], code: int) -> None:
    process, terminal = dashboard()
    assert b"agentmem" in read_until(terminal, b"agentmem")
    quit_by(process, terminal)
    shown = read_until(terminal, b"no such bytes")
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == code
    assert RESTORED in shown and b"Traceback" not in shown
    os.close(terminal)


@pytest.mark.parametrize("handler", [signal.SIG_DFL, signal.SIG_IGN], ids=["", "nohup"])
def test_closing_the_terminal_ends_all_processes(handler: signal.Handlers) -> None:
    signal.signal(signal.SIGHUP, handler)
    process, terminal = dashboard()
    assert b"agentmem" in read_until(terminal, b"agentmem")
    os.write(terminal, b"\r")
    assert b"about" in read_until(terminal, b" left")  # the plan is in progress
    runners = psutil.Process(process).children(recursive=True)
    assert runners
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 130
    _, alive = psutil.wait_procs(runners, timeout=TIMEOUT_S)
    assert not alive


def test_ascii_is_an_option_of_the_command() -> None:
    process, terminal = dashboard("--ascii")
    shown = read_until(terminal, b"Quit")
    os.write(terminal, b"q")
    shown += read_until(terminal, b"no such bytes")
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    assert shown.isascii() and b"Plan" in shown
    os.close(terminal)


def test_a_wrong_setting_is_reported_in_one_line_with_exit_code_2() -> None:
    config_path().parent.mkdir(parents=True)
    config_path().write_text('[keys]\n"live.skip" = "x"\n', encoding="utf-8")
    process, terminal = dashboard()
    shown = read_until(terminal, b"no such bytes")
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 2
    assert b'keys."live.skip" is set to x, which is live.stop\'s key; choose another' in shown
    assert len(shown.splitlines()) == 1
    os.close(terminal)
