"""The memory that a run needs, estimated before it starts: a run that exhausts the machine takes other programs along.

Each constant is the peak of a measured process, divided by what it had to do. `benchmarks/memory_estimate.py` compares
estimates with measured peaks.
"""

from __future__ import annotations

import msgspec

from membench.analysis.facts import Fact, Value
from membench.machine.memory import available_memory
from membench.spec.corpus import POOL_SIZE, corpus_extent
from membench.spec.run import RunSpec

BASE_BYTES = 50_000_000
"""The runner before it loads anything: the interpreter, NumPy and the meters."""
LIBRARIES_BYTES = 130_000_000
"""The libraries of a system that stores memories."""
MODEL_BYTES = 220_000_000
"""A session of the default model, and what it needs for a batch."""
CLIENT_BYTES = 100_000
"""A client: its thread's stack, its log, and what its operations allocate."""
MEMORY_BYTES = 4_500
"""A memory that is stored: its vector, payload and rows, and what the audit keeps to compare it."""
TEXT_COPIES = 4
"""Copies of a text: as attempted, as stored, as in the history, and as read back from it."""
SCHEDULED_BYTES = 64
"""A planned start of an open loop, while the schedule is made."""
TEXT_BYTES = 60
"""A text in a list, beside its characters."""
CHARACTERS_MEAN = 170
"""Characters of a generated text, on average."""
SHARE_MAX = 0.5
"""The share of the available memory above which a plan has a warning."""


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes that a run needs, and the parts they are made of."""

    fixed: int
    """Whatever the run does: libraries, model and texts."""
    memories: int
    """Memories that it stores, with those of the warm-up."""
    each: int
    """Bytes for each of them."""
    clients: int
    schedule: int = 0
    """Bytes for the planned starts of an open loop."""

    @property
    def total(self) -> int:
        """The bytes of all parts together."""
        return self.fixed + self.memories * self.each + self.clients * CLIENT_BYTES + self.schedule


def need_of(run: RunSpec) -> Need:
    """Return the memory that a run needs.

    What a closed loop with a duration stores depends on its rate, which is unknown before: only its warm-up counts.
    """
    texts, characters = POOL_SIZE, POOL_SIZE * CHARACTERS_MEAN
    if run.corpus and run.corpus.kind == "file":
        texts, characters = corpus_extent(run.corpus)
    operations = _scheduled(run)
    memories = operations * run.batch_size if run.items is None else run.items
    stores = run.store is not None
    # The file is read whole before it is divided into texts.
    fixed = BASE_BYTES + LIBRARIES_BYTES * stores + MODEL_BYTES * (run.model is not None) + 2 * characters
    return Need(
        fixed=fixed + texts * TEXT_BYTES,
        memories=(memories + (run.warmup_items or 0)) if stores else (run.warmup_items or 0),
        each=(MEMORY_BYTES if stores else TEXT_BYTES) + TEXT_COPIES * characters // max(texts, 1),
        clients=run.clients,
        schedule=operations * SCHEDULED_BYTES,
    )


def memory_fact(runs: tuple[RunSpec, ...]) -> Fact | None:
    """Return what is to be said about the memory of the run that needs the most: nothing where there is plenty.

    The fact is `too_little_memory` if the run cannot be held, and `much_memory` if other programs may have to yield.
    """
    need = max(map(need_of, runs), key=lambda need: need.total)
    available = available_memory()
    if need.total <= available * SHARE_MAX:
        return None
    values: dict[str, Value] = {
        "total": need.total,
        "fixed": need.fixed + need.schedule,
        "memories": need.memories,
        "each": need.each,
        "clients": need.clients,
        "client": CLIENT_BYTES,
        "available": available,
    }
    if need.total > available:
        return Fact("too_little_memory", values)
    return Fact("much_memory", values)


def _scheduled(run: RunSpec) -> int:
    """Return the operations that an open loop schedules; none for a closed loop."""
    if run.target_operations_per_s is None:
        return 0
    if run.duration_s is not None:
        return round(run.target_operations_per_s * run.duration_s)
    return -(-(run.items or 0) // run.batch_size)
