"""What metering costs: the same runs with metered locks and with bare ones, in turn, and one acquire and release.

python benchmarks/metering_cost.py --pairs 5 --duration 4
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from time import perf_counter_ns

from membench.plan.matrix import Choice, make_plan
from membench.plan.scenarios import load_catalogue
from membench.runner.locks import MeteredLock, MeteredRLock
from membench.session.events import RunEnded
from membench.session.session import Session

STRATEGIES = ("shared", "mutex")
CLIENTS = 8
CYCLES = 100_000
REPEATS = 15


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a line a pair, the medians, and nanoseconds of an uncontended lock."""
    options = _options(arguments)
    for name, metered, bare in (("Lock", MeteredLock, threading.Lock), ("RLock", MeteredRLock, threading.RLock)):
        _report_cycle(name, metered, bare)
    for strategy in options.strategy or STRATEGIES:
        print(f"agentmem {strategy}, {CLIENTS} clients, threads 1, {options.duration:g} s")
        ratios = [_pair(strategy, options.duration, number) for number in range(1, options.pairs + 1)]
        print(f"  median of {options.pairs}: with / without {statistics.median(ratios):.3f}")


def _report_cycle(
    name: str, metered: Callable[[], AbstractContextManager[object]], bare: Callable[[], AbstractContextManager[object]]
) -> None:
    """Both in turn, so that a machine that changes its speed changes it for both."""
    pairs = [(_cycle_ns(metered()), _cycle_ns(bare())) for _ in range(REPEATS)]
    with_ns, without_ns = (statistics.median(column) for column in zip(*pairs, strict=True))
    above_ns = statistics.median(one - other for one, other in pairs)
    print(f"{name}: metered {with_ns:.0f} ns, bare {without_ns:.0f} ns, {above_ns:.0f} ns above (uncontended)")


def _cycle_ns(lock: AbstractContextManager[object]) -> float:
    """One acquire and release, less the loop around it."""
    cycles = range(CYCLES)
    begin_ns = perf_counter_ns()
    for _ in cycles:
        pass
    empty_ns = perf_counter_ns() - begin_ns
    begin_ns = perf_counter_ns()
    for _ in cycles:
        with lock:
            pass
    return (perf_counter_ns() - begin_ns - empty_ns) / CYCLES


def _pair(strategy: str, duration_s: float, number: int) -> float:
    """Both runs, the order turned round every time: a machine that slows down must not look like metering."""
    order = (True, False) if number % 2 else (False, True)
    rates = {metering: _memories_per_s(strategy, duration_s, metering) for metering in order}
    ratio = rates[True] / rates[False]
    print(
        f"  {number}: with {rates[True]:8.1f} ops/s   without {rates[False]:8.1f} ops/s   ratio {ratio:.3f}", flush=True
    )
    return ratio


def _memories_per_s(strategy: str, duration_s: float, metering: bool) -> float:
    choice = Choice(
        scenarios=("steady-add",),
        backends=("agentmem",),
        strategies=(strategy,),
        threads=(1,),
        clients=(CLIENTS,),
        duration_s=duration_s,
        metering=metering,
    )
    (record,) = [
        event.record for event in Session(make_plan(choice, load_catalogue())).events() if isinstance(event, RunEnded)
    ]
    if record.memories_per_s is None:
        sys.exit(f"a run measured nothing: {record.error}; see its log")
    return record.memories_per_s


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--strategy", action="append", choices=STRATEGIES, help="may be repeated; default: both")
    parser.add_argument("--duration", type=float, default=4.0, help="seconds of each run")
    parser.add_argument("--pairs", type=int, default=5)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
