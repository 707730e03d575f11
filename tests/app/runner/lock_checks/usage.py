"""The usage of locks: acquisitions, waits, holds, and what remains of locks that no longer exist."""

from __future__ import annotations

import gc
import threading
from time import perf_counter_ns, sleep

from support import PATIENCE_S, in_thread, join_all, until, usage_of

from membench.runner import locks


def check_acquisitions_are_exact():
    counted_lock = threading.Lock()
    counted_rlock = threading.RLock()

    def acquire():
        for _ in range(500):
            with counted_lock:
                pass
            with counted_rlock, counted_rlock:
                pass

    join_all([threading.Thread(target=acquire) for _ in range(8)])
    assert usage_of("counted_lock").acquisitions == usage_of("counted_rlock").acquisitions == 4000
    assert usage_of("counted_lock").contended <= 4000


def check_nested_acquisitions_count_once():
    nested_lock = threading.RLock()
    with nested_lock, nested_lock:
        pass
    assert in_thread(lambda: nested_lock.acquire(False))
    assert usage_of("nested_lock").acquisitions == 1


def check_a_lock_released_by_another_thread_counts():
    handed_lock = threading.Lock()
    handed_lock.acquire()
    in_thread(handed_lock.release)
    assert not handed_lock.locked()
    assert usage_of("handed_lock").acquisitions == 1


def check_a_free_lock_has_no_waits():
    free_lock = threading.Lock()
    for _ in range(100):
        with free_lock:
            pass
    usage = usage_of("free_lock")
    assert (usage.acquisitions, usage.contended) == (100, 0)
    assert (usage.wait_ns, usage.longest_wait_ns, usage.longest_queue) == (0, 0, 0)
    assert usage.hold_ns > 0


def check_a_failed_attempt_waits_but_acquires_nothing():
    busy_lock = threading.Lock()
    busy_lock.acquire()
    before_ns = locks.lock_wait_ns(threading.get_ident())
    assert not busy_lock.acquire(timeout=0.02)
    assert not busy_lock.acquire(False)
    assert locks.lock_wait_ns(threading.get_ident()) - before_ns >= 0.019e9
    usage = usage_of("busy_lock")
    assert (usage.acquisitions, usage.contended, usage.wait_ns) == (0, 0, 0)


def check_a_wait_in_progress_counts():
    occupied_lock = threading.Lock()
    occupied_lock.acquire()
    waiter = threading.Thread(target=occupied_lock.acquire)
    waiter.start()
    until(lambda: usage_of("occupied_lock").wait_ns > 0.02e9)
    in_progress = usage_of("occupied_lock")
    assert (in_progress.contended, in_progress.acquisitions) == (0, 0)
    occupied_lock.release()
    waiter.join(PATIENCE_S)
    usage = usage_of("occupied_lock")
    assert usage.contended == 1
    assert usage.wait_ns >= 0.02e9


def check_waits_follow_queueing_arithmetic():
    """If n threads arrive together at a lock that each holds for h, the k-th waits k h: n (n - 1) / 2 h in total."""
    served_lock = threading.Lock()
    clients, hold_s = 8, 0.02
    thread_waits_ns = []
    before = {}

    def waits_ns():
        return [locks.lock_wait_ns(thread.ident) - before.get(thread.ident, 0) for thread in threads]

    def hold():
        me = threading.get_ident()
        before_ns = before[me] = locks.lock_wait_ns(me)  # of an earlier thread with the same identifier
        with served_lock:
            sleep(hold_s)
        thread_waits_ns.append(locks.lock_wait_ns(me) - before_ns)

    threads = [threading.Thread(target=hold) for _ in range(clients)]
    served_lock.acquire()
    for thread in threads:
        thread.start()
    until(lambda: len(before) == clients and all(waits_ns()))
    begin_ns = perf_counter_ns()
    early_ns = sum(waits_ns())
    served_lock.release()
    for thread in threads:
        thread.join(PATIENCE_S)
    elapsed_ns = perf_counter_ns() - begin_ns
    usage = usage_of("served_lock")
    assert (usage.acquisitions, usage.contended, usage.longest_queue) == (clients + 1, clients, clients)
    # Computed from the measured hold, because a sleep takes longer than requested, especially on a busy machine.
    expected_ns = early_ns + elapsed_ns / clients * clients * (clients - 1) / 2
    assert abs(usage.wait_ns - expected_ns) < 0.1 * expected_ns, (usage.wait_ns, expected_ns)
    assert abs(sum(thread_waits_ns) - usage.wait_ns) < 1e6 * clients
    assert usage.longest_wait_ns >= (clients - 1) * hold_s * 1e9
    assert usage.hold_ns >= clients * hold_s * 1e9


def check_a_wait_in_progress_is_included():
    slow_lock = threading.Lock()
    slow_lock.acquire()
    thread = threading.Thread(target=slow_lock.acquire, daemon=True)
    thread.start()
    until(lambda: locks.lock_wait_ns(thread.ident) > 0)
    earlier_ns = locks.lock_wait_ns(thread.ident)
    until(lambda: locks.lock_wait_ns(thread.ident) > earlier_ns)
    slow_lock.release()
    thread.join(PATIENCE_S)


def check_the_longest_wait_and_queue_can_be_reset():
    peak_lock = threading.Lock()
    peak_lock.acquire()
    threading.Timer(0.01, peak_lock.release).start()
    peak_lock.acquire()
    assert usage_of("peak_lock").longest_wait_ns > 0
    wait_ns = usage_of("peak_lock").wait_ns
    locks.reset_longest()
    assert (usage_of("peak_lock").longest_wait_ns, usage_of("peak_lock").longest_queue) == (0, 0)
    assert usage_of("peak_lock").wait_ns == wait_ns


def check_collected_locks_stay_in_the_totals():
    def use_locks():
        for _ in range(50):
            collected_lock = threading.Lock()
            with collected_lock:
                pass

    use_locks()
    gc.collect()
    assert usage_of("collected_lock").acquisitions == 50
    use_locks()
    assert usage_of("collected_lock").acquisitions == usage_of("collected_lock").acquisitions == 100


def check_collected_locks_take_no_memory():
    def usages():
        gc.collect()
        return sum(isinstance(each, locks.Usage) for each in gc.get_objects())

    locks.usage_by_site()
    before = usages()
    for _ in range(20_000):
        short_lived_lock = threading.RLock()
    del short_lived_lock
    assert usages() >= before + 20_000
    locks.usage_by_site()
    assert usages() <= before + 50
