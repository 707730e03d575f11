"""What the dashboard itself costs: start-up, key presses, charts, memory and CPU time, each beside its bound.

The dashboard runs in pseudo-terminals of 120x36; the runs behind it are real.

    python benchmarks/ui.py
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from unittest.mock import patch

import msgspec
import psutil

from common.rounds import measure_pairs, median_ratio
from common.runs import DASHBOARD_RUN, run_headless, steady_add_plan
from common.terminal import Terminal
from membench.results.history import History, history_path
from membench.tui.common import chart

DASHBOARD = (sys.executable, "-m", "membench")
BARE_APP = """
from textual.app import App
from textual.widgets import Static

class Bare(App):
    def compose(self):
        yield Static("Plan")

Bare().run()
"""
STARTS = 7
KEYS = 120
TIME_SCALES = (b"last 60 s", b"last 30 s", b"last 10 s")
"""The titles of the throughput chart at its first time scales; `+` goes to the next, `-` to the one before."""
HISTORY_RUNS = 1000
CPU_WINDOW_S = 6.0
CHART_SIZE = (120, 30)
CHART_POINTS = 300
CHART_DRAWS, CHART_WARMUP_DRAWS = 60, 10


def main() -> None:
    """Measure everything, and print a line per figure."""
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args()
    _report_first_paint()
    _report_keys()
    _report(f"console memory with {HISTORY_RUNS:,} runs in History", history_rss_mb(), "MB", bound=90)
    _report("chart redraw at {}x{}".format(*CHART_SIZE), chart_redraw_ms(), "ms", bound=6)
    _report("console CPU time at 2 redraws/s", console_cpu_percent("--fps", "2"), "% of a core")
    _report("console CPU time at 4 redraws/s", console_cpu_percent("--fps", "4"), "% of a core", bound=4)
    _report("console CPU time when quiet", console_cpu_percent("--quiet"), "% of a core")


def _report_first_paint() -> None:
    pairs = first_paints_s()
    dashboard_s, bare_s = (statistics.median(column) for column in zip(*pairs, strict=True))
    _report("first paint of the dashboard", dashboard_s * 1e3, "ms")
    _report("first paint of a bare Textual app", bare_s * 1e3, "ms")
    _report("first paint, dashboard / bare Textual app", median_ratio(pairs), "x", bound=1.45)


def _report_keys() -> None:
    latencies_ms = sorted(latency_s * 1e3 for latency_s in key_latencies_s())
    _report("key to paint during a run, p50", statistics.median(latencies_ms), "ms")
    _report("key to paint during a run, p99", latencies_ms[int(len(latencies_ms) * 0.99) - 1], "ms", bound=50)


def _report(figure: str, value: float, unit: str, bound: float | None = None) -> None:
    verdict = "" if bound is None else f"   at most {bound:g}: {'pass' if value <= bound else 'MISS'}"
    print(f"{figure:<47} {value:8.2f} {unit:<12}{verdict}".rstrip(), flush=True)


def first_paints_s() -> list[tuple[float, float]]:
    """Return pairs of start-up times, of the dashboard and of a bare Textual app: process start to first text.

    The first pair only warms the caches of the file system and of Python, and is left out.
    """
    bare = (sys.executable, "-c", BARE_APP)
    return list(measure_pairs(partial(_first_paint_s, DASHBOARD), partial(_first_paint_s, bare), 1 + STARTS))[1:]


def _first_paint_s(command: Sequence[str]) -> float:
    with Terminal(command) as terminal:
        terminal.wait_for(b"Plan")
        return time.perf_counter() - terminal.started_s


def key_latencies_s() -> list[float]:
    """Return the times from a key that changes the time scale to the chart title that shows it."""
    first, second, third = TIME_SCALES
    presses = ((b"+", second), (b"+", third), (b"-", second), (b"-", first))
    latencies_s = []
    with Terminal([*DASHBOARD_RUN, "--fps", "4", "--duration", str(KEYS * 0.15 + 15)]) as terminal:
        terminal.wait_for(b"measuring")
        terminal.read_for(2.0)
        terminal.press(b"+")
        terminal.wait_for(first)
        for number in range(KEYS):
            key, title = presses[number % len(presses)]
            terminal.read_for(0.1 + 0.013 * (number % 5))  # varied, so that keys fall anywhere between two redraws
            terminal.press(key)
            latencies_s.append(terminal.wait_for(title))
    return latencies_s


def history_rss_mb() -> float:
    """Return the resident memory of a console that lists a long history."""
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, XDG_DATA_HOME=folder):
        _fill_history()
        with Terminal(DASHBOARD) as terminal:
            terminal.wait_for(b"Plan")
            terminal.read_for(2.0)
            terminal.press(b"4")
            terminal.wait_for(b"null")
            terminal.read_for(2.0)
            return psutil.Process(terminal.pid).memory_info().rss / 1e6


def _fill_history() -> None:
    record = run_headless(steady_add_plan("null", None, 0.3))
    with History(history_path(), create=True) as history:
        for number in range(HISTORY_RUNS):
            history.add(msgspec.structs.replace(record, run_id=f"{number:012x}", took_s=5.0))


def chart_redraw_ms() -> float:
    """Return the median time from the chart's data to the lines on the screen."""
    points = tuple((number / 10, 100.0 + number % 17) for number in range(1, CHART_POINTS + 1))
    levels = (chart.Level(60.0, "mem0 · shared · 8"),)
    curve = chart.Curve(points, "#5fb3f0", CHART_POINTS / 10, levels, chart.Level(180.0, "limit 180"))
    draws_ms = []
    for _ in range(CHART_WARMUP_DRAWS + CHART_DRAWS):
        began_s = time.perf_counter()
        chart.draw(curve, *CHART_SIZE)
        draws_ms.append((time.perf_counter() - began_s) * 1e3)
    return statistics.median(draws_ms[CHART_WARMUP_DRAWS:])


def console_cpu_percent(*options: str) -> float:
    """Return the CPU time of the console during a run, without the runner's, in percent of one core.

    Args:
        options: How much the dashboard draws, as options of `dashboard_run.py`.
    """
    quiet = "--quiet" in options
    with Terminal([*DASHBOARD_RUN, *options, "--duration", str(CPU_WINDOW_S + 6)]) as terminal:
        terminal.wait_for(b"elapsed" if quiet else b"measuring")
        terminal.read_for(6.0 if quiet else 2.0)  # a quiet dashboard does not show when measuring begins
        before_s = _cpu_time_s(terminal.pid)
        terminal.read_for(CPU_WINDOW_S)
        return (_cpu_time_s(terminal.pid) - before_s) / CPU_WINDOW_S * 100


def _cpu_time_s(pid: int) -> float:
    """Return the CPU time of all threads of a process, to the nanosecond; psutil counts ticks of 10 ms.

    The clock id is the Linux kernel's MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED), from <linux/posix-timers.h>.
    """
    return time.clock_gettime((~pid << 3) | 2)


if __name__ == "__main__":
    main()
