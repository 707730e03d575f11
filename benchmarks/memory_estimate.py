"""How the memory that a plan estimates for a run compares with the peak that its process reaches.

Each line is a run of its own: of the harness alone with few and many clients, and of stores with few and many memories.
An estimate should be near the peak or above it. Takes a few minutes.

    python benchmarks/memory_estimate.py
    python benchmarks/memory_estimate.py --items 200000
"""

from __future__ import annotations

import argparse
import threading
from contextlib import suppress

import psutil

from common.runs import run_all
from membench.plan.matrix import make_plan
from membench.plan.memory import need_of
from membench.plan.options import Choice
from membench.plan.scenarios import load_catalogue
from membench.units import format_bytes, plural

INTERVAL_S = 0.05


def main() -> None:
    """Print an estimate and a peak per run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=60_000)
    items = parser.parse_args().items
    for backend, store, clients, count in (
        ("null", "local", 1, 2_000),
        ("null", "local", 1024, 2_000),
        ("qdrant", "local", 4, 2_000),
        ("qdrant", "local", 4, items),
        ("qdrant", "edge", 4, items),
    ):
        choice = Choice(
            scenarios=("store-only",), backends=(backend,), stores=(store,), clients=(clients,), items=count, repeats=1
        )
        plan = make_plan(choice, load_catalogue())
        (run,) = plan.runs
        with _Peak() as peak:
            run_all(plan)
        estimate = need_of(run).total
        print(
            f"{backend:7} {store:6} {plural(clients, 'client'):14} {plural(count, 'memory', 'memories'):18} "
            f"estimated {format_bytes(estimate)}, peak {format_bytes(peak.bytes)}, "
            f"ratio {estimate / max(peak.bytes, 1):.2f}",
            flush=True,
        )


class _Peak:
    """The highest peak of the processes that are started in its context."""

    def __init__(self) -> None:
        self.bytes = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(INTERVAL_S):
            for child in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    self.bytes = max(self.bytes, child.memory_info().rss)


if __name__ == "__main__":
    main()
