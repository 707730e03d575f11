"""A gauge of the global interpreter lock (GIL): a thread that wakes at fixed intervals and checks whether it was late.

The gauge shows that the GIL is in use, not that threads compete for it: a single busy Python thread reads 0.8 to 0.9.
Where the system does not report how long the gauge's thread waited for a core, the reading also rises when more
threads are busy than there are cores.
"""

from __future__ import annotations

import threading
import time
from time import perf_counter_ns

from membench.runner import schedstat

PERIOD_S = 0.02
LATE_NS = 1_000_000
"""A thread that finds the GIL free wakes within a tenth of this; otherwise it waits up to the switch interval, 5 ms."""


class GilGauge:
    """A gauge that probes the GIL from its creation until `stop`."""

    def __init__(self) -> None:
        self._stopped = False
        self._probes = 0
        self._late = 0
        self._thread = threading.Thread(target=self._probe, name="gil-gauge", daemon=True)
        self._thread.start()

    @property
    def native_id(self) -> int:
        """The operating system's identifier of the thread."""
        return self._thread.native_id or 0

    def read(self) -> float | None:
        """Return the share of probes that found the GIL taken; None before the first probe."""
        return self._late / self._probes if self._probes else None

    def stop(self) -> None:
        """Stop probing and wait for the thread to end."""
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
