"""A gauge of the interpreter's lock: a thread that asks for it on a clock and sees whether it had to wait.

It shows that the lock is busy, not that it is fought over: one busy Python thread alone reads 0.8 to 0.9. It also rises
when there are more busy threads than CPUs, where the system does not tell how long the gauge itself waited for a CPU.
"""

from __future__ import annotations

import threading
import time
from time import perf_counter_ns

from membench.runner import schedstat

PERIOD_S = 0.02
LATE_NS = 1_000_000
"""A thread that finds the lock free wakes within a tenth of this; else it waits up to the switch interval, 5 ms."""


class GilGauge:
    """Probes until it is stopped."""

    def __init__(self) -> None:
        self._stopped = False
        self._probes = 0
        self._late = 0
        self._thread = threading.Thread(target=self._probe, name="gil-gauge", daemon=True)
        self._thread.start()

    def read(self) -> float | None:
        """Share of the probes that found the lock taken; None before the first."""
        return self._late / self._probes if self._probes else None

    def stop(self) -> None:
        """Probe no more."""
        self._stopped = True
        self._thread.join()

    def _probe(self) -> None:
        sleep = time.sleep
        queued_ns = schedstat.queued_ns()
        while not self._stopped:
            begin_ns = perf_counter_ns()
            sleep(PERIOD_S)
            late_ns = perf_counter_ns() - begin_ns - round(PERIOD_S * 1e9)
            queued_before_ns, queued_ns = queued_ns, schedstat.queued_ns()
            self._late += late_ns - (queued_ns - queued_before_ns) > LATE_NS
            self._probes += 1
