"""Helpers of the checks."""

from __future__ import annotations

import concurrent.futures
import threading
from time import perf_counter_ns, sleep

from membench.runner import lock_usage

PATIENCE_S = 20


def raises(error, call, *arguments, **options):
    """Fail unless a call raises an error."""
    try:
        call(*arguments, **options)
    except error:
        return
    raise AssertionError(f"{call} did not raise {error.__name__}")


def in_thread(call):
    """Return the result of a call in another thread, or raise its exception."""
    outcome = concurrent.futures.Future()

    def run():
        try:
            outcome.set_result(call())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return outcome.result(PATIENCE_S)


def until(condition):
    """Wait for another thread to make a condition true."""
    end_ns = perf_counter_ns() + PATIENCE_S * 10**9
    while not condition():
        assert perf_counter_ns() < end_ns, "the condition is still false"
        sleep(0.001)


def join_all(threads):
    """Start threads and wait for them to end."""
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)


def usage_of(name):
    """Return the usage of the locks that the checks assign to a name."""
    (usage,) = [usage for key, usage in lock_usage.usage_by_key().items() if key.site.name == name]
    return usage
