"""Where a client's time goes: planted threads whose time is known to go one way, and systems that cannot tell."""

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
from membench.runner.threads import ClientClock, ClientTime, added

ROOT = Path(__file__).parents[3]
LINUX = pytest.mark.skipif(not threads.HAS_SCHEDSTAT, reason="this system keeps no account of threads")
PLANTED = """
import json, threading, time
from membench.runner import locks, timers
locks.install(); timers.install()
from concurrent.futures import Future
from membench.runner.threads import ClientClock
lock, answer, event = threading.Lock(), Future(), threading.Event()
def busy():
    end = time.thread_time() + 0.3
    while time.thread_time() < end: pass
def locked():
    with lock: pass
clocks = {}
def client(name, work):
    clock = clocks[name] = ClientClock()
    clock.start(); work(); clock.stop()
lock.acquire()
works = {
    "busy": busy, "asleep": lambda: time.sleep(0.4), "locked": locked, "future": answer.result, "event": event.wait
}
clients = [threading.Thread(target=client, args=pair) for pair in works.items()]
for thread in clients: thread.start()
time.sleep(0.4)
lock.release(); answer.set_result(1); event.set()
for thread in clients: thread.join()
print(json.dumps({name: clock.so_far()._asdict() for name, clock in clocks.items()}))
"""


@pytest.fixture(scope="module")
def planted():
    """The time of threads that did one thing each, measured in a process whose locks are metered."""
    done = subprocess.run([sys.executable, "-c", PLANTED], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return {name: ClientTime(**time) for name, time in json.loads(done.stdout).items()}


@LINUX
@pytest.mark.parametrize(
    ("client", "part"),
    [("busy", "cpu_ns"), ("locked", "lock_ns"), ("future", "result_ns"), ("event", "result_ns"), ("asleep", None)],
)
def test_time_goes_where_it_was_planted(planted, client, part):
    time = planted[client]
    parts = {name: getattr(time, name) for name in ("cpu_ns", "lock_ns", "result_ns")}
    parts[None] = time.wall_ns - sum(parts.values()) - time.runqueue_ns

    assert max(parts, key=parts.get) == part
    if part == "cpu_ns":  # exact: it ends when it has had so much
        assert parts[part] == pytest.approx(0.3e9, rel=0.1)
    else:  # it waits for all of its time, but for what starting and waking up take
        assert parts[part] > 0.8 * time.wall_ns


@LINUX
def test_the_parts_are_never_more_than_the_whole(planted):
    for spent in planted.values():
        # Waking up from a wait may include waiting for a CPU, which both accounts then hold.
        assert spent.cpu_ns + spent.lock_ns + spent.result_ns <= spent.wall_ns * 1.01
        assert 0 <= spent.runqueue_ns <= spent.wall_ns
        assert spent.switches >= 0


def client_of(work):
    """A client's clock after some work in a thread of its own."""
    clock = ClientClock()

    def run():
        clock.start()
        work()
        clock.stop()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return clock


def test_a_clock_that_never_started_tells_nothing():
    assert ClientClock().so_far() is None


def test_a_clock_that_was_stopped_stands_still():
    clock = client_of(lambda: None)

    assert clock.so_far() == clock.so_far()
    assert clock.so_far().wall_ns > 0


@LINUX
def test_a_running_clock_can_be_read_from_outside():
    clock, started, end = ClientClock(), threading.Event(), threading.Event()

    def run():
        clock.start()
        started.set()
        end.wait()
        clock.stop()

    thread = threading.Thread(target=run)
    thread.start()
    started.wait()
    earlier, later = clock.so_far(), clock.so_far()
    end.set()
    thread.join()

    assert 0 < earlier.wall_ns < later.wall_ns < clock.so_far().wall_ns


def test_a_clock_starts_anew_with_every_repeat():
    clock, lasted = ClientClock(), []
    for length_s in (0.2, 0.0):
        clock.start()
        time.sleep(length_s)
        clock.stop()
        lasted.append(clock.so_far().wall_ns)

    assert lasted[0] >= 0.2e9 > lasted[1]


def test_a_system_that_cannot_tell_says_so(monkeypatch):
    monkeypatch.setattr(threads, "HAS_SCHEDSTAT", False)
    clock = client_of(lambda: sum(range(200_000)))
    time = clock.so_far()

    assert time.runqueue_ns is time.switches is None
    assert 0 < time.cpu_ns <= 1.05 * time.wall_ns  # two clocks, read one after the other
    assert added([time, time]) == ClientTime(2 * time.wall_ns, 2 * time.cpu_ns, None, 0, 0, None)
    assert threads.busy_ns() == {}


def test_a_running_client_is_not_guessed_at_where_its_cpu_time_cannot_be_read(monkeypatch):
    monkeypatch.setattr(threads, "HAS_SCHEDSTAT", False)
    clock = ClientClock()
    clock.start()

    assert clock.so_far() is None


def test_times_add_up():
    one = ClientTime(10, 4, 1, 3, 2, 5)

    assert added([one, one, one]) == ClientTime(30, 12, 3, 9, 6, 15)


@LINUX
def test_threads_that_have_ended_are_remembered(monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", threads._remembered(threading.Thread.start))
    threads.forget_ended()
    ids, failed = Future(), []
    monkeypatch.setattr(threading, "excepthook", lambda arguments: failed.append(arguments.exc_type))

    def work():
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass
        ids.set_result(threading.get_native_id())
        raise KeyError

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert threads.busy_ns()[str(ids.result())] >= 0.05e9
    assert failed == [KeyError]
    threads.forget_ended()
    end = time.monotonic() + 10
    while Path(f"/proc/self/task/{ids.result()}").exists() and time.monotonic() < end:
        time.sleep(0.001)  # Python has joined it; the system takes a moment longer
    assert str(ids.result()) not in threads.busy_ns()
