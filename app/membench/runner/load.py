"""The clients: threads that call the backend, in a closed or an open loop, and note how long each call took."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from membench.messages.run import Workload
from membench.runner.recorder import ClientLog
from membench.spec.corpus import Texts

if TYPE_CHECKING:
    from membench_backends.base import MemoryBackend

NS_PER_S = 1_000_000_000
FOREVER_NS = 1 << 62


class Clients:
    """The clients of a run. They keep their place in the corpus from one repeat to the next."""

    def __init__(self, workload: Workload, backend: MemoryBackend, texts: Texts) -> None:
        self.workload = workload
        self.logs = [ClientLog(workload.operation == "add_batch") for _ in range(workload.clients)]
        self._backend = backend
        self._texts = texts
        self._supply = [self.texts_of(client) for client in range(workload.clients)]

    def texts_of(self, client: int) -> Iterator[str]:
        """The texts of one client from the first on, without end."""
        return self._texts.of_client(client, self.workload.clients)

    def start(self, repeat: int) -> Repeat:
        """Begin one repeat; it runs in threads of its own."""
        return Repeat(self.workload, repeat, self._backend, self.logs, self._supply)


class Repeat:
    """One repeat under way: all clients start together at a barrier."""

    def __init__(
        self,
        workload: Workload,
        repeat: int,
        backend: MemoryBackend,
        logs: list[ClientLog],
        supply: list[Iterator[str]],
    ) -> None:
        self._workload = workload
        self._deadline_ns = FOREVER_NS
        self._arrivals = iter(_arrivals_ns(workload, repeat)) if workload.target_operations_per_s else None
        self._crash: BaseException | None = None
        self._logs = logs
        self.start_ns = 0
        self._barrier = threading.Barrier(workload.clients + 1, action=self._set_clock)
        self._threads = [
            threading.Thread(target=self._run, args=(client, backend, log, texts), name=f"client-{client}", daemon=True)
            for client, (log, texts) in enumerate(zip(logs, supply, strict=True))
        ]
        for thread in self._threads:
            thread.start()
        self._barrier.wait()

    def wait(self, until_ns: int) -> bool:
        """Wait for the clients, but not past a moment of the clock; True when all are done.

        Raises:
            RuntimeError: A client was ended by something that is no ordinary exception.
        """
        done = self._join(until_ns)
        if self._crash is not None:
            what = type(self._crash).__name__
            raise RuntimeError(f"a client was ended by {what}: {self._crash}") from self._crash
        return done

    def _join(self, until_ns: int) -> bool:
        for thread in self._threads:
            remaining_s = (until_ns - time.perf_counter_ns()) / NS_PER_S
            thread.join(max(remaining_s, 0))
            if thread.is_alive():
                return False
        return True

    @property
    def wall_s(self) -> float:
        """From the barrier to the end of the last operation, once all clients are done.

        An open loop goes on to its deadline, also when nothing falls due any more.
        """
        ended_ns = max(log.ended_ns for log in self._logs)
        if self._arrivals is not None and self._workload.duration_s is not None:
            ended_ns = max(ended_ns, self._deadline_ns)
        return (ended_ns - self.start_ns) / NS_PER_S

    def _set_clock(self) -> None:
        self.start_ns = time.perf_counter_ns()
        if self._workload.duration_s is not None:
            self._deadline_ns = self.start_ns + round(self._workload.duration_s * NS_PER_S)

    def _run(self, client: int, backend: MemoryBackend, log: ClientLog, texts: Iterator[str]) -> None:
        self._barrier.wait()
        log.idle_ns = 0
        log.clock.start()
        user_id = f"user-{client}"
        try:
            if self._workload.operation == "add":
                texts = self._bounded(texts, client)
                if self._arrivals is None:
                    add_closed(log, backend.add, user_id, texts, self._deadline_ns)
                else:
                    call_open(log, lambda batch: backend.add(batch[0], user_id), _batches(texts, 1), self._due(log))
            else:
                batches = _batches(self._bounded(texts, client), self._workload.batch_size)
                if self._arrivals is None:
                    call_closed(log, lambda batch: backend.add_batch(batch, user_id), batches, self._deadline_ns)
                else:
                    call_open(log, lambda batch: backend.add_batch(batch, user_id), batches, self._due(log))
        except BaseException as error:  # SystemExit and its like, raised inside a backend: the run has failed
            self._crash = error
        log.ended_ns = time.perf_counter_ns()
        log.clock.stop()

    def _bounded(self, texts: Iterator[str], client: int) -> Iterator[str]:
        """This client's share of the items. An open loop shares out operations instead, as they fall due."""
        items, clients = self._workload.items, self._workload.clients
        if items is None or self._arrivals is not None:
            return texts
        if self._workload.operation == "add_batch":
            return itertools.islice(texts, batch_share(items, self._workload.batch_size, client, clients))
        return itertools.islice(texts, items // clients + (client < items % clients))

    def _due(self, log: ClientLog) -> Iterator[int]:
        """Planned starts, on the clock, as this client comes to take them: the next one that nobody has taken."""
        assert self._arrivals is not None
        for offset_ns in self._arrivals:
            planned_ns = self.start_ns + offset_ns
            now_ns = time.perf_counter_ns()
            if max(now_ns, planned_ns) >= self._deadline_ns:
                return
            if planned_ns > now_ns:
                time.sleep((planned_ns - now_ns) / NS_PER_S)
                log.idle_ns += time.perf_counter_ns() - now_ns
            yield planned_ns


def add_closed(
    log: ClientLog, add: Callable[[str, str], None], user_id: str, texts: Iterator[str], deadline_ns: int
) -> None:
    """Add texts one after another until they run out or the deadline has passed. The hot path: keep it bare."""
    clock, note = time.perf_counter_ns, log.latencies_ns.append
    for text in texts:
        begin = clock()
        try:
            add(text, user_id)
        except Exception as error:
            log.fail(error, [text])
            end = clock()
        else:
            end = clock()
            note(end - begin)
        if end >= deadline_ns:
            break


def call_closed(
    log: ClientLog, call: Callable[[list[str]], None], batches: Iterator[list[str]], deadline_ns: int
) -> None:
    """Hand over lists one after another until they run out or the deadline has passed."""
    clock = time.perf_counter_ns
    for batch in batches:
        begin = clock()
        _call(log, call, batch, begin)
        if clock() >= deadline_ns:
            break


def call_open(
    log: ClientLog, call: Callable[[list[str]], None], batches: Iterator[list[str]], due_ns: Iterator[int]
) -> None:
    """Start operations when they fall due; latency counts from then, so a late start is not forgiven."""
    for planned_ns in due_ns:
        _call(log, call, next(batches), planned_ns)


def _call(log: ClientLog, call: Callable[[list[str]], None], batch: list[str], begin_ns: int) -> None:
    try:
        call(batch)
    except Exception as error:
        log.fail(error, batch)
    else:
        log.latencies_ns.append(time.perf_counter_ns() - begin_ns)
        log.list_items += len(batch)


def batch_share(items: int, batch_size: int, client: int, clients: int) -> int:
    """Memories of one client when whole batches are dealt out in turn; the last batch may be a short one."""
    batches = -(-items // batch_size)
    mine = len(range(client, batches, clients))
    has_last = mine and (batches - 1) % clients == client
    return mine * batch_size - (batches * batch_size - items if has_last else 0)


def _batches(texts: Iterator[str], size: int) -> Iterator[list[str]]:
    while batch := list(itertools.islice(texts, size)):
        yield batch


def _arrivals_ns(workload: Workload, repeat: int) -> list[int]:
    """Planned starts from the barrier on, in nanoseconds: evenly spaced, or a Poisson process."""
    rate = workload.target_operations_per_s or 0.0
    if workload.duration_s is not None:
        # Enough for the span, almost surely; what falls due after the deadline is not started.
        expected = rate * workload.duration_s
        count = math.ceil(expected + 6 * math.sqrt(expected) + 1)
    else:
        count = -(-(workload.items or 0) // workload.batch_size)
    if workload.arrivals == "constant":
        starts_s = np.arange(count) / rate
    else:
        generator = np.random.default_rng((workload.seed, repeat))
        starts_s = np.cumsum(generator.exponential(1 / rate, count))
    starts: list[int] = (starts_s * NS_PER_S).astype(np.int64).tolist()
    return starts
