"""What the dashboard itself costs, each figure beside its bound: start, keys, charts, memory, processor.

Everything runs in terminals of its own, 120 x 36; the run in the background is real.

    python benchmarks/ui.py
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import msgspec
import psutil

from membench.plan.matrix import Choice, Plan, make_plan
from membench.plan.scenarios import load_catalogue
from membench.results.history import History, history_path
from membench.results.record import Record
from membench.session.events import RunEnded
from membench.session.session import Session
from membench.settings import Config
from membench.tui.app import Dashboard
from membench.tui.common import chart

ROWS, COLUMNS = 36, 120
PATIENCE_S = 60.0
STARTS = 7
KEYS = 120
HISTORY_RUNS = 1000
WATCHED_S = 6.0
CHART = (120, 30)
CHART_POINTS = 300
STARTED = (sys.executable, "-m", "membench")
"""What a person starts."""
BARE = """
from textual.app import App
from textual.widgets import Static

class Bare(App):
    def compose(self):
        yield Static("Plan")

Bare().run()
"""
SCALES = (b"last 60 s", b"last 30 s", b"last 10 s")


class Terminal:
    """A command in a terminal of its own."""

    def __init__(self, command: Sequence[str]) -> None:
        self.started = time.perf_counter()
        self.process, self._descriptor = pty.fork()
        if self.process == 0:
            os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as for a person: compiled at the first start
            os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            os.execv(command[0], list(command))

    def press(self, key: bytes) -> None:
        """Send a key."""
        os.write(self._descriptor, key)

    def until(self, wanted: bytes) -> float:
        """Seconds until the terminal is sent some bytes, from now on."""
        began, seen = time.perf_counter(), b""
        while wanted not in seen:
            if not self._ready(PATIENCE_S):
                sys.exit(f"{wanted!r} was never drawn; the last was {seen[-300:]!r}")
            seen = seen[-len(wanted) :] + os.read(self._descriptor, 1 << 16)
        return time.perf_counter() - began

    def watch(self, seconds: float) -> None:
        """Take what is drawn for a while."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            if self._ready(left):
                os.read(self._descriptor, 1 << 16)

    def close(self) -> None:
        """Close the terminal, and see the command out."""
        os.kill(self.process, signal.SIGHUP)
        try:
            while os.read(self._descriptor, 1 << 16):
                pass
        except OSError:  # Linux: the other end is closed
            pass
        os.waitpid(self.process, 0)
        os.close(self._descriptor)

    def _ready(self, seconds: float) -> bool:
        return bool(select.select([self._descriptor], [], [], seconds)[0])


@contextmanager
def terminal_of(command: Sequence[str]) -> Iterator[Terminal]:
    """A command in a terminal, which is closed in any case."""
    terminal = Terminal(command)
    try:
        yield terminal
    finally:
        terminal.close()


def dashboard(*arguments: str) -> AbstractContextManager[Terminal]:
    """The dashboard as a person starts it, or with a run under way."""
    return terminal_of([sys.executable, __file__, *arguments] if arguments else STARTED)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a line a figure."""
    options = _options(arguments)
    if options.child:
        _run_in_dashboard(options)
        return
    painted_s, bare_s = first_paint_s()
    say("process start to first paint", painted_s * 1e3, 500, "ms")
    say("the same of a Textual app with one word in it", bare_s * 1e3, None, "ms")
    p50, p99 = key_to_paint_s()
    say("key to paint during a run, p50", p50 * 1e3, None, "ms")
    say("key to paint during a run, p99", p99 * 1e3, 50, "ms")
    say(f"console memory, {HISTORY_RUNS:,} runs in History", history_rss_mb(), 90, "MB")
    say(f"chart redraw at {CHART[0]}x{CHART[1]}", chart_redraw_s() * 1e3, 6, "ms")
    for words, bound, settings in (
        ("2/s", None, ("--fps", "2")),
        ("4/s", 4, ("--fps", "4")),
        ("quiet", None, ("--quiet",)),
    ):
        say(f"console processor time at {words}", cpu_share(settings) * 100, bound, "% of a core")


def say(what: str, figure: float, bound: float | None, unit: str) -> None:
    """A figure, its bound, and whether it keeps to it."""
    verdict = "" if bound is None else f"   at most {bound:g}: {'pass' if figure <= bound else 'MISS'}"
    print(f"{what:<47} {figure:8.1f} {unit:<12}{verdict}", flush=True)


def first_paint_s() -> tuple[float, float]:
    """From the start of the process to the first words on the screen, of the dashboard and of next to nothing.

    Medians of several, side by side, without the very first.
    """
    commands = (STARTED, (sys.executable, "-c", BARE))
    taken: tuple[list[float], ...] = ([], [])
    for _ in range(1 + STARTS):
        for command, times in zip(commands, taken, strict=True):
            with terminal_of(command) as terminal:
                terminal.until(b"Plan")
                times.append(time.perf_counter() - terminal.started)
    painted_s, bare_s = (statistics.median(times[1:]) for times in taken)
    return painted_s, bare_s


def key_to_paint_s() -> tuple[float, float]:
    """Median and 99th percentile, from a key that changes the time scale to the words that say so."""
    seconds = KEYS * 0.15 + 15
    with dashboard("--child", "--fps", "4", "--duration", str(seconds)) as terminal:
        terminal.until(b"measuring")
        terminal.watch(2.0)
        terminal.press(b"+")
        terminal.until(SCALES[0])
        taken = []
        for number in range(KEYS):
            key, wanted = ((b"+", SCALES[1]), (b"+", SCALES[2]), (b"-", SCALES[1]), (b"-", SCALES[0]))[number % 4]
            terminal.watch(0.1 + 0.013 * (number % 5))
            terminal.press(key)
            taken.append(terminal.until(wanted))
    taken.sort()
    return statistics.median(taken), taken[int(len(taken) * 0.99) - 1]


def history_rss_mb() -> float:
    """Resident memory of the console with many runs in its history, all of them listed."""
    with tempfile.TemporaryDirectory() as folder:
        before, os.environ["XDG_DATA_HOME"] = os.environ.get("XDG_DATA_HOME"), folder
        try:
            _fill_history()
            with dashboard() as terminal:
                terminal.until(b"Plan")
                terminal.watch(2.0)
                terminal.press(b"4")
                terminal.until(b"null")
                terminal.watch(2.0)
                return psutil.Process(terminal.process).memory_info().rss / 1e6
        finally:
            del os.environ["XDG_DATA_HOME"]
            if before is not None:
                os.environ["XDG_DATA_HOME"] = before


def chart_redraw_s() -> float:
    """The median time of drawing the chart from its data to the lines of the screen."""
    points = tuple((number / 10, 100.0 + number % 17) for number in range(1, CHART_POINTS + 1))
    levels = (chart.Level(60.0, "mem0 · shared · 8"),)
    curve = chart.Curve(points, "#5fb3f0", CHART_POINTS / 10, levels, chart.Level(180.0, "limit 180"))
    return _median(lambda: chart.draw(curve, *CHART))


def cpu_share(settings: Sequence[str]) -> float:
    """Processor time of the console, without the run's, as a share of one core."""
    with dashboard("--child", *settings, "--duration", str(WATCHED_S + 6)) as terminal:
        terminal.until(b"elapsed" if "--quiet" in settings else b"measuring")
        terminal.watch(6.0 if "--quiet" in settings else 2.0)
        before = _processor_s(terminal.process)
        terminal.watch(WATCHED_S)
        return (_processor_s(terminal.process) - before) / WATCHED_S


def _processor_s(pid: int) -> float:
    """Processor time of all threads of a process, exactly: what psutil gives is counted in ticks of 10 ms.

    Source: the Linux kernel's posix-timers, MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED).
    """
    return time.clock_gettime((~pid << 3) | 2)


def _median(draw: Callable[[], object], times: int = 60) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        draw()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[times // 6 :])


def _fill_history() -> None:
    record = _a_record()
    with History(history_path(), create=True) as history:
        for number in range(HISTORY_RUNS):
            history.add(msgspec.structs.replace(record, run_id=f"{number:012x}"), 5.0)


def _a_record() -> Record:
    """Of a real run, if a short one."""
    plan = _plan("null", None, 0.3)
    return next(event.record for event in Session(plan).events() if isinstance(event, RunEnded))


def _plan(backend: str, strategy: str | None, duration_s: float) -> Plan:
    choice = Choice(
        scenarios=("steady-add",),
        backends=(backend,),
        strategies=(strategy,) if strategy else (),
        clients=(8,),
        duration_s=duration_s,
    )
    return make_plan(choice, load_catalogue())


def _run_in_dashboard(options: argparse.Namespace) -> None:
    app = Dashboard(
        load_catalogue(),
        config=Config(fps=options.fps, quiet=options.quiet),
        autorun=_plan("agentmem", "shared", options.duration),
    )
    app.run()
    app.engine.leave()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--fps", type=float, default=4.0, help=argparse.SUPPRESS)
    parser.add_argument("--quiet", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--duration", type=float, default=10.0, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
