"""Metered semaphores behave like those of `threading`, and count as locks where they are used as such."""

from __future__ import annotations

import threading
import time
from time import sleep

from support import PATIENCE_S, in_thread, raises, until, usage_of

from membench.runner import lock_usage, timers


def check_semaphores_behave_as_before():
    for create in (threading.Semaphore, threading.BoundedSemaphore):
        raises(ValueError, create, -1)
        semaphore = create(2)
        assert isinstance(semaphore, threading.Semaphore)
        assert semaphore.acquire() is True
        with semaphore as entered:
            assert entered is True
            assert semaphore.acquire(False) is False
            assert semaphore.acquire(timeout=0.001) is False
            assert semaphore.acquire(timeout=-1) is False
            raises(ValueError, semaphore.acquire, False, 1)
        assert semaphore.acquire(blocking=False) is True
        raises(ValueError, semaphore.release, 0)
        semaphore.release(2)
    raises(ValueError, semaphore.release)
    assert semaphore.acquire() and semaphore.acquire() and not semaphore.acquire(False)


def check_a_semaphore_used_as_a_lock_is_waited_for_as_one():
    one_permit = threading.Semaphore(1)
    waited_ns = []

    def hold():
        me = threading.get_ident()
        before_ns, results_ns = lock_usage.lock_wait_ns(me), timers.result_wait_ns(me)
        with one_permit:
            sleep(0.005)
        waited_ns.append(lock_usage.lock_wait_ns(me) - before_ns)
        assert timers.result_wait_ns(me) == results_ns

    lock_usage.start_period()
    one_permit.acquire()
    threads = [threading.Thread(target=hold) for _ in range(6)]
    for thread in threads:
        thread.start()
    until(lambda: len(one_permit._membench_usage.waiters) == 6)
    one_permit.release()
    for thread in threads:
        thread.join(PATIENCE_S)
    usage = usage_of("one_permit")
    assert len(waited_ns) == 6
    assert (usage.permits, usage.locks, usage.acquisitions, usage.other_waits.contended) == (1, 1, 7, 6)
    assert abs(usage.other_waits.wait_ns - sum(waited_ns)) < 1e6
    assert usage.other_waits.wait_ns > 5 * 0.004e9
    assert usage.busiest_hold_ns == usage.hold_ns >= 6 * 0.005e9
    assert {key.kind for key in lock_usage.usage_by_key() if key.site.name == "one_permit"} == {"semaphore"}


def check_utilisation_is_per_permit():
    four_permits = threading.BoundedSemaphore(4)
    lock_usage.start_period()
    for _ in range(2):
        assert four_permits.acquire()
    sleep(0.02)
    usage = usage_of("four_permits")
    assert usage.permits == 4
    assert usage.hold_ns >= 0.04e9
    assert abs(usage.busiest_hold_ns - usage.hold_ns / 4) < 1e6
    four_permits.release(2)
    assert usage_of("four_permits").acquisitions == 2


def check_permits_returned_by_another_thread_count():
    lent_permit = threading.Semaphore(1)
    for _ in range(50):
        lent_permit.acquire()
        in_thread(lent_permit.release)
    assert usage_of("lent_permit").acquisitions == 50


def check_a_timed_attempt_that_fails_counts():
    taken_permit = threading.Semaphore(1)
    taken_permit.acquire()
    before = timers.sleep_totals()
    assert not taken_permit.acquire(timeout=0.01)
    usage = usage_of("taken_permit")
    assert (usage.failed, usage.other_waits.contended) == (1, 1)
    assert usage.other_waits.wait_ns >= 0.009e9
    assert timers.sleep_totals() == before


def check_a_semaphore_without_permits_is_a_signal():
    signal = threading.Semaphore(0)
    me = threading.get_ident()
    before_ns, results_ns = lock_usage.lock_wait_ns(me), timers.result_wait_ns(me)
    threading.Timer(0.03, signal.release).start()
    assert signal.acquire(timeout=PATIENCE_S)
    assert timers.result_wait_ns(me) - results_ns >= 0.02e9
    assert lock_usage.lock_wait_ns(me) - before_ns < 0.01e9
    assert "semaphore" not in {key.kind for key in lock_usage.usage_by_key() if key.site.name == "signal"}


def check_holds_of_a_semaphore_are_sampled():
    sampled_permit = threading.Semaphore(1)
    for _ in range(60):
        with sampled_permit:
            time.sleep(0.002)  # metered: `sleep` is not
    usage = usage_of("sampled_permit")
    holds = usage.sampled
    slept = 60 * 0.002e9 / usage.hold_ns  # of the measured hold, because a thread wakes late on a busy machine
    assert abs(holds.slept_ns / holds.hold_ns - slept) < 0.15 * slept + 0.1, (holds.slept_ns, holds.hold_ns, slept)


def check_a_wait_in_progress_for_a_semaphore_counts():
    held_permit = threading.Semaphore(1)
    held_permit.acquire()
    waiter = threading.Thread(target=held_permit.acquire)
    waiter.start()
    before_ns = lock_usage.lock_wait_ns(waiter.ident)
    until(lambda: usage_of("held_permit").other_waits.wait_ns > 0.01e9)
    assert lock_usage.lock_wait_ns(waiter.ident) > before_ns
    held_permit.release()
    waiter.join(PATIENCE_S)
