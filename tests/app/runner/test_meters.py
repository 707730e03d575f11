"""The meters of a repeat: readings since they started, and nothing from before."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from membench.analysis.figures import reading_rules
from membench.runner import lock_uses, locks, meters, threads, timers
from membench.runner.gil import GilGauge
from membench.runner.locks import MeteredLock
from membench.runner.meters import Meters, Series
from membench.runner.recorder import ClientLog
from membench_backends import stages


@pytest.fixture
def made():
    """A factory of meters that stops them all at the end."""
    all_made = []

    def make(metering=True, components=()):
        all_made.append(Meters(metering, dict(components)))
        return all_made[-1]

    yield make
    for metered in all_made:
        metered.stop()


def test_series_return_mean_and_p99_of_all_values():
    series = Series()
    for value in range(1, 1001):
        series.add("embed", value)
        if value == 500:
            series.drain()
    series.add("store", 7)
    series.drain()
    series.drain()

    assert series.mean_and_p99() == {"embed": (500.5, 990.0), "store": (7.0, None)}


def test_series_keep_three_digits_of_large_values():
    series = Series()
    values = np.random.default_rng(1).integers(1, 10**10, 5000).tolist()
    for value in values:
        series.add("embed", value)
    series.drain()
    mean, p99 = series.mean_and_p99()["embed"]

    assert mean == pytest.approx(np.mean(values), rel=0.001)
    assert p99 == pytest.approx(np.quantile(values, 0.99), rel=0.002)


def test_adding_while_draining_loses_nothing():
    series = Series()
    writers = [threading.Thread(target=lambda: [series.add("x", 1) for _ in range(20_000)]) for _ in range(4)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        series.drain()
    series.drain()

    assert sum(series._counts["x"].values()) == 80_000


def test_stages_and_gauges_are_recorded_until_the_meters_stop(made):
    metered = made()
    stages.mark("embed", stages.now_ns() - 5_000_000)
    stages.gauge("queue_depth", 3)
    contention = metered.read([])
    metered.stop()
    stages.mark("embed", 0)
    stages.gauge("queue_depth", 99)

    assert contention.stage_ms["embed"][0] == pytest.approx(5, rel=0.2)
    assert contention.gauges == {"queue_depth": (3.0, None)}
    assert metered.read([]).gauges == contention.gauges


def test_lock_use_counts_from_the_start_of_the_repeat(made):
    earlier_lock = MeteredLock()
    for _ in range(7):
        with earlier_lock:
            pass
    earlier_lock.acquire()
    threading.Timer(0.05, earlier_lock.release).start()
    earlier_lock.acquire()
    earlier_lock.release()
    metered = made()
    for _ in range(3):
        with earlier_lock:
            pass
    (use,) = [use for use in metered.read([]).locks if use.name == "earlier_lock"]

    assert (use.acquisitions, use.contended, use.longest_wait_ms, use.longest_queue) == (3, 0, 0, 0)
    assert use.site.endswith("test_meters.py:" + use.site.rpartition(":")[2])


def test_unused_locks_are_left_out(made):
    idle_lock = MeteredLock()
    contention = made().read([])

    assert not idle_lock.locked()
    assert [use for use in contention.locks if use.name == "idle_lock"] == []


def test_the_longest_waits_come_first_and_the_rest_is_cut(made, monkeypatch):
    monkeypatch.setattr(lock_uses, "LOCKS_SHOWN", 2)
    slow_lock, quick_lock, third_lock = (
        MeteredLock(),
        MeteredLock(),
        MeteredLock(),
    )
    metered = made()
    for lock, waited_ns in ((quick_lock, 10), (slow_lock, 10_000), (third_lock, 1)):
        with lock:
            lock.record_wait(waited_ns, 1)
    waits = [use.other_wait_s for use in metered.read([]).locks]

    assert waits == pytest.approx([1e-5, 1e-8])


def test_sleeps_of_clients_are_not_timers(made):
    metered = made()
    log = ClientLog(batched=False)

    both_there = threading.Barrier(2)  # so that the second does not get the identity of the first

    def client():
        log.clock.start()
        both_there.wait()
        timers._timed_sleep(0.01)
        log.clock.stop()

    def worker():
        both_there.wait()
        timers._timed_sleep(0.01)

    sleepers = [threading.Thread(target=client), threading.Thread(target=worker)]
    for thread in sleepers:
        thread.start()
    for thread in sleepers:
        thread.join()
    (contention,) = [timer for timer in metered.read([log]).timers if "test_meters.py" in timer.site]

    assert int(contention.site.rpartition(":")[2]) == worker.__code__.co_firstlineno + 2
    assert contention.sleeps == 1
    assert contention.slept_s >= 0.01


@pytest.mark.skipif(not threads.HAS_SCHEDSTAT, reason="this system has no schedstat")
def test_clients_and_workers_have_separate_loads(made):
    metered = made()
    log, done = ClientLog(batched=False), threading.Event()

    def client():
        log.clock.start()
        done.wait()
        log.clock.stop()

    def worker():
        total = 0
        while not done.is_set():
            total += 1

    both = [threading.Thread(target=client), threading.Thread(target=worker)]
    for thread in both:
        thread.start()
    timers._bare_sleep(0.3)
    contention = metered.read([log])
    done.set()
    for thread in both:
        thread.join()

    readings = contention.readings
    assert readings["worker_load"] > 0.5 > readings["client_load"]
    assert readings["cores_used"] <= readings["worker_load"] + readings["client_load"] + 0.2
    assert contention.time.wall_s > contention.time.cpu_s


def test_without_metering_only_the_system_accounts_are_read(made):
    metered = made(metering=False)
    log = ClientLog(batched=False)
    log.clock.start()
    log.clock.stop()
    time = metered.read([log]).time

    assert time.lock_s is time.result_s is None
    assert time.wall_s > 0


def test_a_system_without_schedstat_has_no_loads(made, monkeypatch):
    for module in (threads, meters):
        monkeypatch.setattr(module, "HAS_SCHEDSTAT", False)
    metered = made()
    log = ClientLog(batched=False)
    log.clock.start()
    log.clock.stop()
    contention = metered.read([log])

    assert not {"client_load", "worker_load"} & contention.readings.keys()
    assert contention.time.runqueue_s is contention.time.switches is None
    assert contention.readings["cores_used"] >= 0


def test_the_gil_gauge_reads_a_share_and_stops():
    gauge = GilGauge()
    while gauge.read() is None:
        timers._bare_sleep(0.01)
    gauge.stop()

    assert 0 <= gauge.read() <= 1
    assert not gauge._thread.is_alive()


def test_every_reading_is_a_declared_figure(made):
    readings = made().read([]).readings

    assert {"cores_used", "rss_peak_mb"} <= readings.keys() <= reading_rules().keys()
    assert readings["rss_peak_mb"] > 10


def test_a_lock_belongs_to_the_component_whose_file_created_it(made):
    component_lock = MeteredLock()

    def use_of(metered):
        with component_lock:
            pass
        (use,) = [use for use in metered.read([]).locks if use.name == "component_lock"]
        return use

    without = use_of(made())
    path, _, _ = without.site.rpartition(":")

    assert without.component is None
    assert use_of(made(components={path: "store"})).component == "store"


def test_this_process_is_not_metered():
    assert threading.Lock is not locks.MeteredLock
