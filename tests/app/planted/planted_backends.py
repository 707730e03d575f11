"""Backends that are slow for one known reason each, as a plugin would bring them. They keep nothing."""

from __future__ import annotations

import hashlib
import os
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from membench_backends.base import BackendInfo, Capabilities, Parts, StoredMemory
from membench_backends.stages import mark, now_ns

OUTSIDE_S = 0.005
HOLD_S = 0.005
SERIAL_SHARE = 0.2
WINDOW_S = 0.02
BUFFER = bytes(16_000_000)


class Planted:
    """Does nothing at all."""

    def __init__(self, parts: Parts) -> None:
        pass

    def add(self, text: str, user_id: str) -> None:
        pass

    def add_batch(self, texts: Sequence[str], user_id: str) -> None:
        for text in texts:
            self.add(text, user_id)

    def stored(self) -> Iterator[StoredMemory]:
        return iter(())

    def close(self) -> None:
        pass


class HeldLock(Planted):
    """Holds one lock for half of its ten milliseconds."""

    def __init__(self, parts: Parts) -> None:
        self._ledger_lock = threading.Lock()

    def add(self, text: str, user_id: str) -> None:
        time.sleep(OUTSIDE_S)
        with self._ledger_lock:
            time.sleep(HOLD_S)


class PurePython(Planted):
    """Counts, which only one thread at a time can do."""

    def add(self, text: str, user_id: str) -> None:
        for _ in range(40_000):
            pass


def digest(_: object = None) -> bytes:
    """Some milliseconds of work without the interpreter's lock."""
    return hashlib.sha256(BUFFER).digest()


class Crowd(Planted):
    """Hands every operation to four times as many threads as there are cores."""

    def __init__(self, parts: Parts) -> None:
        self._threads = 4 * (os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(self._threads)

    def add(self, text: str, user_id: str) -> None:
        list(self._pool.map(digest, range(self._threads)))


class PassingCrowd(Planted):
    """The same with threads that live for one operation."""

    def add(self, text: str, user_id: str) -> None:
        threads = [threading.Thread(target=digest) for _ in range(4 * (os.cpu_count() or 1))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


class Batcher(Planted):
    """One thread sleeps, then answers all who have asked; `heartbeat` is another that sleeps, for nobody."""

    def __init__(self, parts: Parts) -> None:
        self._requests: queue.Queue[Future[None]] = queue.Queue()
        threading.Thread(target=self._run, daemon=True).start()

    def add(self, text: str, user_id: str) -> None:
        answer: Future[None] = Future()
        self._requests.put(answer)
        answer.result()

    def _run(self) -> None:
        while True:
            time.sleep(WINDOW_S)
            for _ in range(self._requests.qsize()):
                self._requests.get().set_result(None)


class BusyWorker(Batcher):
    """One thread computes what the clients wait for, while another sleeps between heartbeats."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        threading.Thread(target=self._beat, daemon=True).start()

    def _run(self) -> None:
        while True:
            answer = self._requests.get()
            digest()
            answer.set_result(None)

    def _beat(self) -> None:
        while True:
            time.sleep(0.4)


class SlowStore(Planted):
    """Spends nine tenths of an operation in its store."""

    def add(self, text: str, user_id: str) -> None:
        begin = now_ns()
        time.sleep(0.001)
        begin = mark("embed", begin)
        time.sleep(0.009)
        mark("store", begin)


class QuickStore(Planted):
    """Spends a tenth of an operation in its store, and says nothing of the rest."""

    def add(self, text: str, user_id: str) -> None:
        time.sleep(0.009)
        begin = now_ns()
        time.sleep(0.001)
        mark("store", begin)


class Sleepy(Planted):
    """Waits for something outside: a network, a disk."""

    def add(self, text: str, user_id: str) -> None:
        time.sleep(0.004)


class Lockstep(Planted):
    """Takes as long as the law of scalability says for the clients seen so far, a fifth of the work being serial."""

    def __init__(self, parts: Parts) -> None:
        self._clients: set[str] = set()

    def add(self, text: str, user_id: str) -> None:
        self._clients.add(user_id)
        time.sleep(0.004 * (1 + SERIAL_SHARE * (len(self._clients) - 1)))


def _info(name: str, build: type[Planted]) -> BackendInfo:
    return BackendInfo(name, f"Planted: {name}.", Capabilities(embeds=False, stores=False, batch_call=False), build)


HELD_LOCK = _info("held-lock", HeldLock)
PURE_PYTHON = _info("pure-python", PurePython)
CROWD = _info("crowd", Crowd)
PASSING_CROWD = _info("passing-crowd", PassingCrowd)
BATCHER = _info("batcher", Batcher)
BUSY_WORKER = _info("busy-worker", BusyWorker)
SLOW_STORE = _info("slow-store", SlowStore)
QUICK_STORE = _info("quick-store", QuickStore)
SLEEPY = _info("sleepy", Sleepy)
LOCKSTEP = _info("lockstep", Lockstep)
