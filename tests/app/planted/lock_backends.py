"""Backends with a lock or a semaphore: where it is the cause, and where it is only a symptom, or harmless."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from membench_backends.base import Parts
from planted_backends import Planted, Served, digest, info

SMALL_BUFFER = bytes(2_000_000)
EXPONENT = 1 << 1000
MODULUS = (1 << 1000) - 1


def run_python(steps: int) -> None:
    """Run Python code: about 0.2 ms for 10,000 steps."""
    for _ in range(steps):
        pass


def keep_gil() -> int:
    """Compute for some milliseconds in one call of C code that keeps the interpreter's lock."""
    return pow(3, EXPONENT - 1, MODULUS)


class Waiting(Planted):
    """One lock around a wait that could overlap."""

    def __init__(self, parts: Parts) -> None:
        self._lock = threading.Lock()

    def add(self, text: str, user_id: str) -> None:
        with self._lock:
            time.sleep(0.005)


class WaitingNextToSpinner(Waiting):
    """The same, next to a thread that runs Python code and has nothing to do with it."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        threading.Thread(target=spin, daemon=True).start()


def spin() -> None:
    """Run Python code for ever."""
    while True:
        pass


class LockedPython(Waiting):
    """One lock around Python code."""

    def add(self, text: str, user_id: str) -> None:
        with self._lock:
            run_python(100_000)


class LockedCallThatKeepsGil(Waiting):
    """One lock around a call of C code that keeps the interpreter's lock."""

    def add(self, text: str, user_id: str) -> None:
        with self._lock:
            keep_gil()


class LockedDigest(Waiting):
    """One lock around native work on one core."""

    def add(self, text: str, user_id: str) -> None:
        with self._lock:
            digest()


class LockedCrew(Waiting):
    """One lock around native work on all cores."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._workers)

    def add(self, text: str, user_id: str) -> None:
        with self._lock:
            list(self._pool.map(digest, range(self._workers)))


class GilConvoy(Waiting):
    """Python code, a little of it under a lock: the holder waits for the interpreter's lock, and clients for it."""

    def add(self, text: str, user_id: str) -> None:
        run_python(40_000)
        with self._lock:
            run_python(10_000)
            time.sleep(0)  # lets another thread run, as any input or output does


class CoreConvoy(Waiting):
    """Native work that fills the cores, and a short lock: holders wait for a core."""

    def add(self, text: str, user_id: str) -> None:
        digest()
        with self._lock:
            hashlib.sha256(SMALL_BUFFER).digest()


class LockedInput(Waiting):
    """One lock around a wait for another process, which no meter shows."""

    def add(self, text: str, user_id: str) -> None:
        with self._lock:
            receive_late()


def receive_late() -> None:
    """Wait for about five milliseconds in a read from a pipe."""
    reader, writer = os.pipe()
    timer = threading.Timer(0.005, os.write, (writer, b"x"))
    timer.start()
    os.read(reader, 1)
    timer.join()
    os.close(reader)
    os.close(writer)


class Nested(Waiting):
    """A lock whose holders wait for another lock, which a thread of the system holds most of the time."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._inner_lock = threading.Lock()
        threading.Thread(target=self._occupy, daemon=True).start()

    def add(self, text: str, user_id: str) -> None:
        with self._lock:
            time.sleep(0.0005)
            with self._inner_lock:
                pass

    def _occupy(self) -> None:
        while True:
            with self._inner_lock:
                time.sleep(0.01)
            time.sleep(0.0005)


class WorkersContend(Served):
    """Four threads that answer requests and compete for a lock, which no client waits for."""

    threads = 4

    def __init__(self, parts: Parts) -> None:
        self._workers_lock = threading.Lock()
        super().__init__(parts)

    def _work(self) -> None:
        with self._workers_lock:
            time.sleep(0.004)


class SemaphoreAsLock(Planted):
    """One permit around a wait that could overlap."""

    def __init__(self, parts: Parts) -> None:
        self._gate = threading.Semaphore(1)

    def add(self, text: str, user_id: str) -> None:
        with self._gate:
            time.sleep(0.005)


class NarrowGate(SemaphoreAsLock):
    """Two permits around a wait that could overlap."""

    def __init__(self, parts: Parts) -> None:
        self._gate = threading.BoundedSemaphore(2)


class WideGate(SemaphoreAsLock):
    """More permits than clients."""

    def __init__(self, parts: Parts) -> None:
        self._gate = threading.BoundedSemaphore(64)


class GatedCompute(Planted):
    """As many permits as cores, around native work: the cores are what is short."""

    def __init__(self, parts: Parts) -> None:
        self._gate = threading.Semaphore(os.cpu_count() or 1)

    def add(self, text: str, user_id: str) -> None:
        with self._gate:
            digest()


class LockPerUser(Planted):
    """A lock for each user, created on one line: nobody waits for it."""

    def __init__(self, parts: Parts) -> None:
        self._locks: dict[str, threading.Lock] = {}

    def add(self, text: str, user_id: str) -> None:
        if user_id not in self._locks:
            self._locks[user_id] = threading.Lock()
        with self._locks[user_id]:
            time.sleep(0.005)


class Striped(Planted):
    """Eight locks created on one line, each of which is held for a small part of the time."""

    def __init__(self, parts: Parts) -> None:
        self._locks = [threading.Lock() for _ in range(8)]
        self._calls = 0

    def add(self, text: str, user_id: str) -> None:
        self._calls += 1
        time.sleep(0.02)
        with self._locks[self._calls % 8]:
            time.sleep(0.004)


class HotStripe(Striped):
    """Eight locks created on one line, of which one has nearly all the calls."""

    def add(self, text: str, user_id: str) -> None:
        self._calls += 1
        with self._locks[self._calls % 8 if self._calls % 10 == 0 else 0]:
            time.sleep(0.005)


class LockPerCall(Planted):
    """A new lock with every call, held by nobody else, around a wait."""

    def add(self, text: str, user_id: str) -> None:
        with threading.Lock():
            time.sleep(0.005)


class Retries(Waiting):
    """One lock that clients try to acquire for a millisecond at a time."""

    def add(self, text: str, user_id: str) -> None:
        while not self._lock.acquire(timeout=0.001):
            pass
        try:
            time.sleep(0.005)
        finally:
            self._lock.release()


class SpareRetries(Waiting):
    """Timed attempts that never fail, because the lock is free."""

    def add(self, text: str, user_id: str) -> None:
        time.sleep(0.02)
        if self._lock.acquire(timeout=0.1):
            self._lock.release()


WAITING = info("waiting", Waiting)
WAITING_NEXT_TO_SPINNER = info("waiting-next-to-spinner", WaitingNextToSpinner)
LOCKED_PYTHON = info("locked-python", LockedPython)
LOCKED_C_CALL = info("locked-c-call", LockedCallThatKeepsGil)
LOCKED_DIGEST = info("locked-digest", LockedDigest)
LOCKED_CREW = info("locked-crew", LockedCrew)
LOCKED_INPUT = info("locked-input", LockedInput)
GIL_CONVOY = info("gil-convoy", GilConvoy)
CORE_CONVOY = info("core-convoy", CoreConvoy)
NESTED = info("nested", Nested)
WORKERS_CONTEND = info("workers-contend", WorkersContend)
SEMAPHORE_AS_LOCK = info("semaphore-as-lock", SemaphoreAsLock)
NARROW_GATE = info("narrow-gate", NarrowGate)
WIDE_GATE = info("wide-gate", WideGate)
GATED_COMPUTE = info("gated-compute", GatedCompute)
LOCK_PER_USER = info("lock-per-user", LockPerUser)
STRIPED = info("striped", Striped)
HOT_STRIPE = info("hot-stripe", HotStripe)
LOCK_PER_CALL = info("lock-per-call", LockPerCall)
RETRIES = info("retries", Retries)
SPARE_RETRIES = info("spare-retries", SpareRetries)
