"""The time of clients: threads with known behaviour, and systems that do not report what threads do."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path

import pytest

from membench.runner import threads
from membench.runner.threads import ClientClock, ClientTime, total_time

ROOT = Path(__file__).parents[3]
needs_schedstat = pytest.mark.skipif(not threads.HAS_SCHEDSTAT, reason="this system has no statistics of threads")
KNOWN_CLIENTS = """
import json, threading, time
from membench.runner import locks, timers
locks.install(); timers.install()
from concurrent.futures import Future
from membench.runner.threads import ClientClock
lock, answer, event = threading.Lock(), Future(), threading.Event()
def compute():
    end = time.thread_time() + 0.3
    while time.thread_time() < end: pass
def acquire():
    with lock: pass
clocks = {}
def client(name, work):
    clock = clocks[name] = ClientClock()
    clock.start(); work(); clock.stop()
lock.acquire()
works = {
    "computes": compute,
    "sleeps": lambda: time.sleep(0.4),
    "waits for a lock": acquire,
    "waits for a future": answer.result,
    "waits for an event": event.wait,
}
clients = [threading.Thread(target=client, args=pair) for pair in works.items()]
for thread in clients: thread.start()
time.sleep(0.4)
lock.release(); answer.set_result(1); event.set()
for thread in clients: thread.join()
print(json.dumps({name: clock.read()._asdict() for name, clock in clocks.items()}))
"""


@pytest.fixture(scope="module")
def known_clients():
    """Return the time of clients that each do one thing, measured in a process with metered locks."""
    completed = subprocess.run(
        [sys.executable, "-c", KNOWN_CLIENTS], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert completed.returncode == 0, completed.stderr
    return {name: ClientTime(**time) for name, time in json.loads(completed.stdout).items()}


@needs_schedstat
@pytest.mark.parametrize(
    ("client", "part"),
    [
        ("computes", "cpu_ns"),
        ("waits for a lock", "lock_ns"),
        ("waits for a future", "result_ns"),
        ("waits for an event", "result_ns"),
        ("sleeps", None),
    ],
)
def test_the_time_of_a_client_is_attributed_to_what_it_does(known_clients, client, part):
    time = known_clients[client]
    parts = {name: getattr(time, name) for name in ("cpu_ns", "lock_ns", "result_ns")}
    parts[None] = time.wall_ns - sum(parts.values()) - time.runqueue_ns

    assert max(parts, key=parts.get) == part
    if part == "cpu_ns":  # exact: the client stops after this much CPU time
        assert parts[part] == pytest.approx(0.3e9, rel=0.1)
    else:  # the rest is the time to start and to wake up
        assert parts[part] > 0.8 * time.wall_ns


@needs_schedstat
def test_the_parts_do_not_exceed_the_total(known_clients):
    for client_time in known_clients.values():
        # Waking up from a wait can include waiting for a core, which both parts then contain.
        assert client_time.cpu_ns + client_time.lock_ns + client_time.result_ns <= client_time.wall_ns * 1.01
        assert 0 <= client_time.runqueue_ns <= client_time.wall_ns
        assert client_time.switches >= 0


def clock_of(work):
    """Return the clock of a client that does some work in a thread of its own."""
    clock = ClientClock()

    def run():
        clock.start()
        work()
        clock.stop()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return clock


def test_a_clock_that_has_not_started_has_no_time():
    assert ClientClock().read() is None


def test_a_stopped_clock_does_not_advance():
    clock = clock_of(lambda: None)

    assert clock.read() == clock.read()
    assert clock.read().wall_ns > 0


@needs_schedstat
def test_another_thread_can_read_a_running_clock():
    clock, started, end = ClientClock(), threading.Event(), threading.Event()

    def run():
        clock.start()
        started.set()
        end.wait()
        clock.stop()

    thread = threading.Thread(target=run)
    thread.start()
    started.wait()
    earlier, later = clock.read(), clock.read()
    end.set()
    thread.join()

    assert 0 < earlier.wall_ns < later.wall_ns < clock.read().wall_ns


def test_a_clock_restarts_at_zero():
    clock, wall_ns = ClientClock(), []
    for length_s in (0.2, 0.0):
        clock.start()
        time.sleep(length_s)
        clock.stop()
        wall_ns.append(clock.read().wall_ns)

    assert wall_ns[0] >= 0.2e9 > wall_ns[1]


def test_unavailable_statistics_are_unknown(monkeypatch):
    monkeypatch.setattr(threads, "HAS_SCHEDSTAT", False)
    clock = clock_of(lambda: sum(range(200_000)))
    time = clock.read()

    assert time.runqueue_ns is time.switches is None
    assert 0 < time.cpu_ns <= 1.05 * time.wall_ns  # two clocks, read one after the other
    assert total_time([time, time]) == ClientTime(2 * time.wall_ns, 2 * time.cpu_ns, None, 0, 0, 0, None)
    assert threads.busy_ns_by_thread() == {}


def test_a_running_clock_is_unknown_where_the_cpu_time_of_other_threads_cannot_be_read(monkeypatch):
    monkeypatch.setattr(threads, "HAS_SCHEDSTAT", False)
    clock = ClientClock()
    clock.start()

    assert clock.read() is None


def test_the_times_of_clients_add_up():
    time = ClientTime(10, 4, 1, 3, 2, 1, 5)

    assert total_time([time, time, time]) == ClientTime(30, 12, 3, 9, 6, 3, 15)


@needs_schedstat
def test_the_busy_time_of_ended_threads_is_kept_until_it_is_cleared(monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", threading.Thread.start)  # restores what `install` replaces
    threads.install()
    threads.clear_ended()
    native_id, raised = Future(), []
    monkeypatch.setattr(threading, "excepthook", lambda arguments: raised.append(arguments.exc_type))

    def work():
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass
        native_id.set_result(threading.get_native_id())
        raise KeyError

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert threads.busy_ns_by_thread()[str(native_id.result())] >= 0.05e9
    assert raised == [KeyError]
    threads.clear_ended()
    end = time.monotonic() + 10
    while Path(f"/proc/self/task/{native_id.result()}").exists() and time.monotonic() < end:
        time.sleep(0.001)  # the system keeps a thread for a moment after Python has joined it
    assert str(native_id.result()) not in threads.busy_ns_by_thread()
