"""What the dashboard costs a run: the same run with the dashboard and headless, in alternating order.

The dashboard runs in a pseudo-terminal of 120x36. Its output is read and counted, so it really draws.

    python benchmarks/observer.py
    python benchmarks/observer.py --strategy mutex --strategy shared --pairs 5
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from common.rounds import measure_pairs, median_ratio
from common.runs import DASHBOARD_RUN, RunRates, rates_of, run_headless, steady_add_plan
from common.terminal import Terminal
from membench.settings import DEFAULT_FPS
from membench.units import format_latency


class DrawnRun(NamedTuple):
    """A run in the dashboard."""

    rates: RunRates
    written_bytes: int
    """What the dashboard wrote to its terminal."""


def main() -> None:
    """Print a line per pair and the median ratios."""
    options = _options()
    for strategy in options.strategy or ("mutex", "shared"):
        _report(strategy, options)


def _report(strategy: str, options: argparse.Namespace) -> None:
    print(f"{options.backend} {strategy}, {options.clients} clients, {options.duration:g} s per run")
    measured = measure_pairs(lambda: _drawn(strategy, options), lambda: _headless(strategy, options), options.pairs)
    pairs = []
    for number, (drawn, headless) in enumerate(measured, 1):
        rates = drawn.rates
        print(
            f"  {number}: headless {_rates_text(headless)}   drawn {_rates_text(rates)} "
            f"({drawn.written_bytes / 1e3:.0f} kB)   ratio {rates.memories_per_s / headless.memories_per_s:.3f}",
            flush=True,
        )
        pairs.append((rates, headless))
    throughput = median_ratio((drawn.memories_per_s, headless.memories_per_s) for drawn, headless in pairs)
    print(f"  median of {len(pairs)}: drawn / headless {throughput:.3f} of the throughput{_tail(pairs)}")


def _rates_text(rates: RunRates) -> str:
    return f"{rates.memories_per_s:8.1f} memories/s, p99 {format_latency(rates.latency_p99_ms):>8}"


def _tail(pairs: Sequence[tuple[RunRates, RunRates]]) -> str:
    """Return the ratio of the p99s; shorter runs than 1,000 operations have none."""
    tails = [(drawn.latency_p99_ms, headless.latency_p99_ms) for drawn, headless in pairs]
    known = [(drawn, headless) for drawn, headless in tails if drawn is not None and headless is not None]
    return f", {median_ratio(known):.3f} of the p99" if known else "; too few operations for a p99"


def _headless(strategy: str, options: argparse.Namespace) -> RunRates:
    plan = steady_add_plan(options.backend, strategy, options.duration, clients=options.clients)
    return rates_of(run_headless(plan))


def _drawn(strategy: str, options: argparse.Namespace) -> DrawnRun:
    with tempfile.TemporaryDirectory() as folder:
        rates_path = Path(folder) / "rates.json"
        command = [
            *(*DASHBOARD_RUN, "--rates", str(rates_path), "--backend", options.backend, "--strategy", strategy),
            *("--clients", str(options.clients), "--duration", str(options.duration), "--fps", str(options.fps)),
            *(["--quiet"] if options.quiet else []),
        ]
        with Terminal(command) as terminal:
            written_bytes = terminal.read_until_exit()
        return DrawnRun(msgspec.json.decode(rates_path.read_bytes(), type=RunRates), written_bytes)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--backend", default="agentmem")
    parser.add_argument("--strategy", action="append", help="repeatable; default: mutex and shared")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--duration", type=float, default=5.0, help="measured seconds of a run")
    parser.add_argument("--pairs", type=int, default=5, help="pairs of runs for each strategy")
    parser.add_argument("--fps", type=float, default=DEFAULT_FPS, help="redraws per second")
    parser.add_argument("--quiet", action="store_true", help="draw only the elapsed time")
    return parser.parse_args()


if __name__ == "__main__":
    main()
