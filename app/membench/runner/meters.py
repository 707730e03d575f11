"""The meters of a repeat: locks, sleeps, stages, client time, the interpreter's lock, and the process itself."""

from __future__ import annotations

import resource
import sys
import threading
from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from time import perf_counter_ns, process_time_ns

import numpy as np

from membench.messages.run import Component, Contention, TimerUse, TimeSplit, is_stated
from membench.runner import locks, threads, timers
from membench.runner.gil import GilGauge
from membench.runner.lock_uses import NS_PER_MS, NS_PER_S, LockUses, is_own
from membench.runner.programs import OtherPrograms, cpus_used_s
from membench.runner.recorder import ClientLog, bucket_counts, drain
from membench.runner.sites import Site
from membench.runner.threads import HAS_SCHEDSTAT, ClientTime, total_time
from membench_backends import stages
from membench_backends.cores import usable_cores

TIMERS_SHOWN = 8
RSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in the unit in which the system reports peak memory."""
BYTES_PER_MB = 1e6


def install() -> None:
    """Start to meter locks and sleeps. Call it before the first import of what is to be metered."""
    locks.install()
    timers.install()
    threads.install()


class Series:
    """Values by name, which any thread adds and one thread folds into histograms of bounded size."""

    def __init__(self) -> None:
        self._values: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))
        self._counts: defaultdict[str, Counter[int]] = defaultdict(Counter)

    def add(self, name: str, value: int) -> None:
        """Add one value."""
        self._values[name].append(value)

    def drain(self) -> None:
        """Fold the values added since the last call into the histograms."""
        for name, values in list(self._values.items()):
            self._counts[name].update(dict(zip(*bucket_counts([drain(values)]), strict=True)))

    def mean_and_p99(self) -> dict[str, tuple[float, float | None]]:
        """Return the mean of each name that has values, and its 99th percentile if it has enough."""
        return {name: _mean_and_p99(counts) for name, counts in self._counts.items() if counts}


class Meters:
    """The meters of one repeat. Belongs to the sampling thread."""

    def __init__(self, metering: bool, components: Mapping[str, Component]) -> None:
        """Start the meters.

        Args:
            metering: Whether locks and sleeps are metered.
            components: The part of the run that creates locks in a file, by the file's path as in a site.
        """
        self._metering = metering
        self._programs = OtherPrograms()
        self._usable_cores = float(usable_cores())
        self._stages, self._gauges = Series(), Series()
        self._gil = GilGauge()
        self._own_threads = {str(threading.main_thread().native_id), str(self._gil.native_id)}
        stages.listen(self._stages.add, self._gauges.add)
        threads.clear_ended()
        self._locks = LockUses(components)
        self._slept_before = timers.sleep_totals()
        self._threads_before = threads.busy_ns_by_thread()
        self._cpu_before_ns = process_time_ns()
        self._cpus_before_s = cpus_used_s()
        self._begin_ns = self._start_ns = perf_counter_ns()

    def start(self, start_ns: int) -> None:
        """Set the moment at which the clients started, which on a busy machine is later than that of the meters."""
        self._start_ns = start_ns

    def stop(self) -> None:
        """Stop the meters."""
        self._gil.stop()
        stages.listen(None, None)

    def read(self, logs: list[ClientLog], last: bool = False) -> Contention:
        """Return the readings since the meters started.

        Args:
            logs: The clients'.
            last: The clients have finished, so reading the process table does not disturb them.
        """
        times = [time for log in logs if (time := log.clock.read())]
        until_ns = max(log.ended_ns for log in logs) if last else perf_counter_ns()
        readings = self._readings(times, {str(log.clock.native_id) for log in logs}, until_ns - self._start_ns)
        self._stages.drain()
        self._gauges.drain()
        return Contention(
            time=self._time_split(total_time(times), sum(log.idle_ns for log in logs)) if times else None,
            locks=self._locks.read(readings["metered_s"]),
            timers=self._timer_uses({log.clock.thread for log in logs}),
            stage_ms={
                name: (mean / NS_PER_MS, None if p99 is None else p99 / NS_PER_MS)
                for name, (mean, p99) in self._stages.mean_and_p99().items()
            },
            gauges=self._gauges.mean_and_p99(),
            readings=readings,
            other_programs=self._programs.read() if last else None,
        )

    def _readings(self, times: Sequence[ClientTime], clients: set[str], metered_ns: int) -> dict[str, float]:
        """Return the figures of the process by their names in a record.

        Args:
            times: The clients'.
            clients: The clients' threads.
            metered_ns: The time since the clients started, until they ended.
        """
        busy_ns = threads.busy_ns_by_thread()
        wall_ns = perf_counter_ns() - self._begin_ns
        cores_used = (process_time_ns() - self._cpu_before_ns) / wall_ns
        all_cores_used = (cpus_used_s() - self._cpus_before_s) / (wall_ns / NS_PER_S)
        readings = {
            "metered_s": metered_ns / NS_PER_S,
            "usable_cores": self._usable_cores,
            "cores_used": cores_used,
            "cores_used_by_others": max(all_cores_used - cores_used, 0.0),
            "rss_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT / BYTES_PER_MB,
        }
        if HAS_SCHEDSTAT:
            client_ns = sum(time.cpu_ns + (time.runqueue_ns or 0) for time in times)
            readings["client_load"] = client_ns / metered_ns
            readings["worker_load"] = _growth(self._threads_before, busy_ns, clients | self._own_threads) / wall_ns
        if (gil_busy := self._gil.read()) is not None:
            readings["gil_busy"] = gil_busy
        return readings

    def _time_split(self, time: ClientTime, idle_ns: int) -> TimeSplit:
        return TimeSplit(
            wall_s=time.wall_ns / NS_PER_S,
            cpu_s=time.cpu_ns / NS_PER_S,
            runqueue_s=None if time.runqueue_ns is None else time.runqueue_ns / NS_PER_S,
            lock_s=time.lock_ns / NS_PER_S if self._metering else None,
            result_s=time.result_ns / NS_PER_S if self._metering else None,
            idle_s=idle_ns / NS_PER_S,
            switches=time.switches,
            slept_s=time.slept_ns / NS_PER_S if self._metering else None,
        )

    def _timer_uses(self, clients: set[int]) -> tuple[TimerUse, ...]:
        sleeps: Counter[Site] = Counter()
        slept_ns: Counter[Site] = Counter()
        for (site, thread), (count, total_ns) in timers.sleep_totals().items():
            before = self._slept_before.get((site, thread), (0, 0))
            if thread not in clients and not is_own(site):
                sleeps[site] += count - before[0]
                slept_ns[site] += total_ns - before[1]
        longest = [(site, total_ns) for site, total_ns in slept_ns.most_common(TIMERS_SHOWN) if sleeps[site]]
        return tuple(TimerUse(str(site), sleeps[site], total_ns / NS_PER_S) for site, total_ns in longest)


def _mean_and_p99(counts: Counter[int]) -> tuple[float, float | None]:
    values = np.array(sorted(counts), np.int64)
    weights = np.array([counts[value] for value in values.tolist()], np.int64)
    total = int(weights.sum())
    p99 = values[np.searchsorted(np.cumsum(weights), 0.99 * total)].item() if is_stated(99, total) else None
    return float((values * weights).sum() / total), p99


def _growth(before: Mapping[str, int], after: Mapping[str, int], excluded: set[str]) -> int:
    return sum(busy - before.get(thread, 0) for thread, busy in after.items() if thread not in excluded)
