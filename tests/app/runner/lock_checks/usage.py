"""The usage of locks: acquisitions, waits, holds, and what remains of locks that no longer exist."""

from __future__ import annotations

import gc
import threading
import time
from time import perf_counter_ns, sleep, thread_time_ns

from support import PATIENCE_S, in_thread, join_all, until, usage_of

from membench.runner import lock_usage


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
    assert usage_of("counted_lock").other_waits.contended <= 4000


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
    assert usage.acquisitions == 100
    for waits in (usage.client_waits, usage.other_waits):
        assert (waits.contended, waits.wait_ns, waits.longest_ns, waits.longest_queue) == (0, 0, 0, 0)
    assert usage.hold_ns > 0


def check_a_timed_attempt_that_fails_counts_as_a_wait():
    busy_lock = threading.Lock()
    busy_lock.acquire()
    before_ns = lock_usage.lock_wait_ns(threading.get_ident())
    assert not busy_lock.acquire(timeout=0.02)
    assert not busy_lock.acquire(False)
    assert lock_usage.lock_wait_ns(threading.get_ident()) - before_ns >= 0.019e9
    usage = usage_of("busy_lock")
    waits = usage.other_waits
    assert (usage.acquisitions, usage.failed, waits.contended, waits.longest_queue) == (0, 1, 1, 1)
    assert waits.wait_ns == waits.longest_ns >= 0.019e9


def check_a_wait_in_progress_counts():
    occupied_lock = threading.Lock()
    occupied_lock.acquire()
    waiter = threading.Thread(target=occupied_lock.acquire)
    waiter.start()
    until(lambda: usage_of("occupied_lock").other_waits.wait_ns > 0.02e9)
    in_progress = usage_of("occupied_lock")
    assert (in_progress.other_waits.contended, in_progress.acquisitions) == (0, 0)
    occupied_lock.release()
    waiter.join(PATIENCE_S)
    waits = usage_of("occupied_lock").other_waits
    assert waits.contended == 1
    assert waits.wait_ns >= 0.02e9


def check_waits_follow_queueing_arithmetic():
    """If n threads arrive together at a lock that each holds for h, the k-th waits k h: n (n - 1) / 2 h in total."""
    served_lock = threading.Lock()
    clients, hold_s = 8, 0.02
    thread_waits_ns = []
    before = {}

    def waits_ns():
        return [lock_usage.lock_wait_ns(thread.ident) - before.get(thread.ident, 0) for thread in threads]

    def hold():
        me = threading.get_ident()
        before_ns = before[me] = lock_usage.lock_wait_ns(me)  # of an earlier thread with the same identifier
        with served_lock:
            sleep(hold_s)
        thread_waits_ns.append(lock_usage.lock_wait_ns(me) - before_ns)

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
    waits = usage.other_waits
    assert (usage.acquisitions, waits.contended, waits.longest_queue) == (clients + 1, clients, clients)
    # Computed from the measured hold, because a sleep takes longer than requested, especially on a busy machine.
    expected_ns = early_ns + elapsed_ns / clients * clients * (clients - 1) / 2
    assert abs(waits.wait_ns - expected_ns) < 0.1 * expected_ns, (waits.wait_ns, expected_ns)
    assert abs(sum(thread_waits_ns) - waits.wait_ns) < 1e6 * clients
    assert waits.longest_ns >= (clients - 1) * hold_s * 1e9
    assert usage.hold_ns >= clients * hold_s * 1e9


def check_a_wait_in_progress_is_included():
    slow_lock = threading.Lock()
    slow_lock.acquire()
    thread = threading.Thread(target=slow_lock.acquire, daemon=True)
    thread.start()
    until(lambda: lock_usage.lock_wait_ns(thread.ident) > 0)
    earlier_ns = lock_usage.lock_wait_ns(thread.ident)
    until(lambda: lock_usage.lock_wait_ns(thread.ident) > earlier_ns)
    slow_lock.release()
    thread.join(PATIENCE_S)


def check_the_longest_wait_and_queue_can_be_reset():
    peak_lock = threading.Lock()
    peak_lock.acquire()
    threading.Timer(0.01, peak_lock.release).start()
    peak_lock.acquire()
    assert usage_of("peak_lock").other_waits.longest_ns > 0
    wait_ns = usage_of("peak_lock").other_waits.wait_ns
    lock_usage.start_period()
    waits = usage_of("peak_lock").other_waits
    assert (waits.longest_ns, waits.longest_queue, waits.wait_ns) == (0, 0, wait_ns)


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
    """Nobody need read the usage: creating locks collects that of the dead."""

    def usages():
        gc.collect()
        return sum(isinstance(each, lock_usage.LockUsage) for each in gc.get_objects())

    before = usages()
    for _ in range(20_000):
        short_lived_lock = threading.RLock()
        with short_lived_lock:
            pass
    assert usages() <= before + 50
    assert usage_of("short_lived_lock").locks == 20_000
    assert usage_of("short_lived_lock").acquisitions == 20_000


def check_clients_and_other_threads_wait_apart():
    shared_lock = threading.Lock()
    is_client = {True: threading.Barrier(3), False: threading.Barrier(4)}

    def wait(client):
        me = threading.get_ident()
        if client:
            lock_usage.clients.add(me)
        is_client[client].wait(PATIENCE_S)
        with shared_lock:
            lock_usage.clients.discard(me)

    shared_lock.acquire()
    threads = [threading.Thread(target=wait, args=(client,)) for client in (True, True, False, False, False)]
    for thread in threads:
        thread.start()
    for barrier in is_client.values():
        barrier.wait(PATIENCE_S)
    until(lambda: len(list(waiters_of(shared_lock))) == 5)
    sleep(0.01)
    shared_lock.release()
    for thread in threads:
        thread.join(PATIENCE_S)
    usage = usage_of("shared_lock")
    assert (usage.client_waits.contended, usage.client_waits.longest_queue) == (2, 2)
    assert (usage.other_waits.contended, usage.other_waits.longest_queue) == (3, 3)
    assert usage.client_waits.wait_ns >= 0.02e9
    assert usage.other_waits.wait_ns >= 0.03e9


def waiters_of(lock):
    return lock._usage.waiters


def check_the_busiest_lock_of_a_line_is_told_from_the_others():
    striped_locks = [threading.Lock() for _ in range(8)]
    for lock in striped_locks:
        with lock:
            sleep(0.002)
    lock_usage.start_period()
    for lock in striped_locks:
        with lock:
            sleep(0.005)
    with striped_locks[3]:
        sleep(0.02)
    before_ns = usage_of("striped_locks").busiest_hold_ns
    assert usage_of("striped_locks").locks == 8
    assert 0.025e9 <= before_ns < usage_of("striped_locks").hold_ns - 0.04e9
    lock_usage.start_period()
    assert usage_of("striped_locks").busiest_hold_ns == 0
    striped_locks[5].acquire()
    sleep(0.01)
    assert usage_of("striped_locks").busiest_hold_ns >= 0.01e9  # the hold in progress
    lock_usage.start_period()
    assert usage_of("striped_locks").busiest_hold_ns < 0.01e9
    striped_locks[5].release()


def check_a_sample_of_the_holds_tells_what_they_consist_of():
    """Long and short holds take turns, so the shares are right only if both are sampled alike."""
    mixed_lock = threading.Lock()

    def compute(seconds):
        end_ns = thread_time_ns() + seconds * 1e9
        while thread_time_ns() < end_ns:
            pass

    for _ in range(150):
        with mixed_lock:
            time.sleep(0.002)  # metered: `sleep` is not
        with mixed_lock:
            compute(0.0005)
    usage = usage_of("mixed_lock")
    holds = usage.sampled
    # Of the measured hold, because a thread wakes late on a busy machine.
    slept, computed = 150 * 0.002e9 / usage.hold_ns, 150 * 0.0005e9 / usage.hold_ns
    assert abs(holds.slept_ns / holds.hold_ns - slept) < 0.15 * slept + 0.05, (holds.slept_ns, holds.hold_ns, slept)
    assert abs(holds.cpu_ns / holds.hold_ns - computed) < 0.1, (holds.cpu_ns, holds.hold_ns, computed)


def check_holders_that_wait_for_another_lock_name_it():
    outer_lock = threading.Lock()
    inner_lock = threading.Lock()
    done = threading.Event()

    def occupy():
        while not done.is_set():
            with inner_lock:
                sleep(0.003)

    threading.Thread(target=occupy, daemon=True).start()
    for _ in range(40):
        with outer_lock:
            sleep(0.0005)
            with inner_lock:
                pass
    done.set()
    holds = usage_of("outer_lock").sampled
    assert holds.lock_ns > 0.3 * holds.hold_ns, (holds.lock_ns, holds.hold_ns)
    (inner,) = holds.inner
    assert inner.site.name == "inner_lock"


def check_handing_over_is_no_hold():
    passed_lock = threading.Lock()

    def hold():
        for _ in range(10):
            with passed_lock:
                sleep(0.002)

    lock_usage.start_period()
    begin_ns = perf_counter_ns()
    join_all([threading.Thread(target=hold) for _ in range(4)])
    elapsed_ns = perf_counter_ns() - begin_ns
    usage = usage_of("passed_lock")
    assert usage.busiest_hold_ns == usage.hold_ns
    assert 0 < usage.busiest_handover_ns == usage.handover_ns + usage.overtaken_ns
    assert 0 <= usage.handover_queued_ns <= usage.handover_ns
    assert 0.8 * elapsed_ns < usage.hold_ns + usage.busiest_handover_ns <= elapsed_ns
