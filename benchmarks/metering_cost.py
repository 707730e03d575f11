"""What metering costs: an uncontended lock cycle and whole runs, each with and without metering.

The order alternates, so a machine that slows down affects both sides.

    python benchmarks/metering_cost.py
    python benchmarks/metering_cost.py --strategy mutex --pairs 5 --duration 4
"""

from __future__ import annotations

import argparse
import statistics
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from time import perf_counter_ns

from common.rounds import measure_pairs, median_ratio
from common.runs import rates_of, run_headless, steady_add_plan
from membench.runner.locks import MeteredLock, MeteredRLock

LockFactory = Callable[[], AbstractContextManager[object]]

STRATEGIES = ("shared", "mutex")
CLIENTS = 8
THREADS = 1
CYCLES = 100_000
"""Lock cycles in one measurement."""
CYCLE_PAIRS = 15


def main() -> None:
    """Print the cost of a lock cycle, then a line per pair of runs and the median ratio."""
    options = _options()
    _report_cycle("Lock", MeteredLock, threading.Lock)
    _report_cycle("RLock", MeteredRLock, threading.RLock)
    for strategy in options.strategy or STRATEGIES:
        _report_runs(strategy, options.duration, options.pairs)


def _report_cycle(name: str, metered: LockFactory, bare: LockFactory) -> None:
    pairs = list(measure_pairs(lambda: _cycle_ns(metered()), lambda: _cycle_ns(bare()), CYCLE_PAIRS))
    metered_ns, bare_ns = (statistics.median(column) for column in zip(*pairs, strict=True))
    overhead_ns = statistics.median(with_ns - without_ns for with_ns, without_ns in pairs)
    print(f"{name}, uncontended: metered {metered_ns:.0f} ns, bare {bare_ns:.0f} ns, overhead {overhead_ns:.0f} ns")


def _cycle_ns(lock: AbstractContextManager[object]) -> float:
    """Return the time of one acquire and release, without the loop around it."""
    cycles = range(CYCLES)
    began_ns = perf_counter_ns()
    for _ in cycles:
        pass
    empty_ns = perf_counter_ns() - began_ns
    began_ns = perf_counter_ns()
    for _ in cycles:
        with lock:
            pass
    return (perf_counter_ns() - began_ns - empty_ns) / CYCLES


def _report_runs(strategy: str, duration_s: float, count: int) -> None:
    print(f"agentmem {strategy}, {CLIENTS} clients, threads {THREADS}, {duration_s:g} s per run")
    measure = partial(_memories_per_s, strategy, duration_s)
    pairs = []
    for number, (metered, bare) in enumerate(measure_pairs(partial(measure, True), partial(measure, False), count), 1):
        print(
            f"  {number}: metered {metered:8.1f} memories/s   bare {bare:8.1f} memories/s   ratio {metered / bare:.3f}",
            flush=True,
        )
        pairs.append((metered, bare))
    print(f"  median of {count}: metered / bare {median_ratio(pairs):.3f}")


def _memories_per_s(strategy: str, duration_s: float, metering: bool) -> float:
    plan = steady_add_plan("agentmem", strategy, duration_s, clients=CLIENTS, threads=THREADS, metering=metering)
    return rates_of(run_headless(plan)).memories_per_s


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--strategy", action="append", choices=STRATEGIES, help="repeatable; default: shared and mutex")
    parser.add_argument("--duration", type=float, default=4.0, help="measured seconds of a run")
    parser.add_argument("--pairs", type=int, default=5, help="pairs of runs for each strategy")
    return parser.parse_args()


if __name__ == "__main__":
    main()
