"""What drawing costs: the same runs with the dashboard drawn and without, in turn.

The drawn one runs in a terminal of its own, 120 x 36, and really draws: what it writes is read and counted.

    python benchmarks/observer.py --strategy mutex --strategy shared --pairs 5
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import statistics
import struct
import sys
import tempfile
import termios
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from membench.plan.matrix import Choice, Plan, make_plan
from membench.plan.scenarios import load_catalogue
from membench.results.record import Record
from membench.session.events import RunEnded
from membench.session.session import Session
from membench.settings import DEFAULT_FPS, Config
from membench.tui.app import Dashboard

ROWS, COLUMNS = 36, 120


class Figures(NamedTuple):
    """What one run gave."""

    memories_per_s: float
    p99_ms: float
    drawn_bytes: int = 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a line a pair and the medians."""
    options = _options(arguments)
    if options.child:
        _draw(options, options.child)
        return
    for strategy in options.strategy or ["mutex", "shared"]:
        print(f"{options.backend} {strategy}, {options.clients} clients, {options.duration:g} s")
        options.strategy = [strategy]
        _report([_pair(options, number) for number in range(1, options.pairs + 1)])


def headless(options: argparse.Namespace) -> Figures:
    """A run with nothing on the screen."""
    records = [event.record for event in Session(plan_of(options)).events() if isinstance(event, RunEnded)]
    return _figures(records[0].memories_per_s, records[0].latency_p99_ms)


def drawn(options: argparse.Namespace) -> Figures:
    """A run with the dashboard drawn, in a process and a terminal of its own."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "records.json"
        size = _watch([sys.executable, __file__, *_as_arguments(options), "--child", str(result)])
        memories_per_s, p99_ms = json.loads(result.read_text())
    return _figures(memories_per_s, p99_ms, size)


def plan_of(options: argparse.Namespace) -> Plan:
    """The one run that is compared."""
    choice = Choice(
        scenarios=("steady-add",),
        backends=(options.backend,),
        strategies=tuple(options.strategy or ()),
        clients=(options.clients,),
        duration_s=options.duration,
    )
    return make_plan(choice, load_catalogue())


def _draw(options: argparse.Namespace, result: Path) -> None:
    config = Config(fps=options.fps, quiet=options.quiet)
    app = Dashboard(load_catalogue(), config=config, autorun=plan_of(options), leave_at_end=True)
    app.run()
    records: list[Record] = [run.record for run in app.finished if run.record]
    result.write_text(json.dumps([records[0].memories_per_s, records[0].latency_p99_ms]))


def _pair(options: argparse.Namespace, number: int) -> tuple[Figures, Figures]:
    """Both runs, the order turned round every time: a machine that slows down must not look like drawing."""
    if number % 2:
        plain, shown = headless(options), drawn(options)
    else:
        shown, plain = drawn(options), headless(options)
    print(
        f"  {number}: headless {plain.memories_per_s:8.1f} /s p99 {plain.p99_ms:8.2f} ms   "
        f"drawn {shown.memories_per_s:8.1f} /s p99 {shown.p99_ms:8.2f} ms ({shown.drawn_bytes / 1e3:.0f} kB)   "
        f"ratio {shown.memories_per_s / plain.memories_per_s:.3f}",
        flush=True,
    )
    return plain, shown


def _report(pairs: Sequence[tuple[Figures, Figures]]) -> None:
    rates = statistics.median(shown.memories_per_s / plain.memories_per_s for plain, shown in pairs)
    tails = statistics.median(shown.p99_ms / plain.p99_ms for plain, shown in pairs)
    print(f"  median of {len(pairs)}: drawn / headless  {rates:.3f} of the throughput, {tails:.3f} of the p99")


def _figures(memories_per_s: float | None, p99_ms: float | None, drawn_bytes: int = 0) -> Figures:
    if memories_per_s is None or p99_ms is None:
        sys.exit("a run measured nothing; see its log")
    return Figures(memories_per_s, p99_ms, drawn_bytes)


def _watch(command: list[str]) -> int:
    """Run a command in a terminal; the bytes that it wrote there."""
    process, terminal = pty.fork()
    if process == 0:
        os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        os.execv(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    written = 0
    try:
        while chunk := os.read(terminal, 1 << 16):
            written += len(chunk)
    except OSError:  # Linux: the other end is closed
        pass
    os.close(terminal)
    if code := os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]):
        sys.exit(f"the dashboard ended with exit code {code}")
    return written


def _as_arguments(options: argparse.Namespace) -> list[str]:
    strategies = [part for name in options.strategy or () for part in ("--strategy", name)]
    return [
        *("--backend", options.backend, *strategies),
        *("--clients", str(options.clients), "--duration", str(options.duration), "--fps", str(options.fps)),
        *(["--quiet"] if options.quiet else []),
    ]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--backend", default="agentmem")
    parser.add_argument("--strategy", action="append", help="may be repeated; default: mutex, then shared")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--duration", type=float, default=5.0, help="seconds")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--fps", type=float, default=DEFAULT_FPS, help="redraws a second")
    parser.add_argument("--quiet", action="store_true", help="draw nothing but the elapsed time")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
