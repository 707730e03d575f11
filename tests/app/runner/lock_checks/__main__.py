"""Checks of metered locks, run by `test_locks.py` in a process where every lock is metered.

`python lock_checks` prints the outcome of each check as JSON: its traceback, or nothing if it passed. The checks need
only the standard library, so that every installed interpreter can run them.
"""

from __future__ import annotations

import json
import os
import traceback

# Imported before the locks are metered, so that `sleep`, imported by name, is not metered here.
import semantics
import semaphore_checks
import sites
import standard_library
import usage
import waits

from membench.runner import locks, timers


def main():
    locks.install()
    timers.install()
    outcomes = {}
    for module in (semantics, standard_library, usage, semaphore_checks, waits, sites):
        for name, check in list(vars(module).items()):
            if name.startswith("check_"):
                outcomes[name] = outcome_of(check)
    print(json.dumps(outcomes), flush=True)
    os._exit(0)  # without waiting for the threads of failed checks


def outcome_of(check):
    try:
        check()
    except BaseException:
        return traceback.format_exc()
    return ""


if __name__ == "__main__":
    main()
