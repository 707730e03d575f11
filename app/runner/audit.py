"""Acknowledged against stored: reads the store back after a run and says what is not as it should be."""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from app.messages import Audit
from app.runner.load import Clients
from app.units import format_count, plural

if TYPE_CHECKING:
    from backends.base import MemoryBackend

VECTOR_SAMPLE = 32
"""Stored vectors that are compared with their text embedded again, alone."""
UNIT_TOLERANCE = 1e-2
COSINE_MIN = 0.99
"""Padding in a batch moves a vector by less than 1e-5; another text's vector is far below this."""

Embed = Callable[[Sequence[str]], "np.typing.NDArray[np.float32]"]


def audit(backend: MemoryBackend, clients: Clients, warmup: Iterable[str], embed: Embed | None) -> Audit:
    """Compare what the clients were told is stored with what the store now holds.

    Args:
        backend: The system that was measured; nothing writes to it any more.
        clients: The clients, done.
        warmup: Texts stored before the clock started; they are in the store and in no count.
        embed: Embeds texts one at a time, to check that a sample of vectors belongs to its texts; None to skip that.

    Returns:
        Counts of memories. `stored` and what follows from it is None when the store cannot be read at all.
    """
    attempted, failed = _attempted(clients)
    acknowledged = sum(log.acknowledged for log in clients.logs)
    try:
        store = _read_back(backend, ignored=set(warmup), stride=max(acknowledged // VECTOR_SAMPLE, 1))
    except Exception as error:
        logging.getLogger(__name__).exception("the store cannot be read back")
        problem = f"the store is corrupted, it cannot be read back: {type(error).__name__}: {_one_line(error)}"
        return Audit(
            acknowledged=acknowledged, stored=None, lost=None, duplicated=None, corrupted=None, problem=problem
        )
    lost = (attempted - failed - store.texts).total()
    duplicated = sum(count - attempted[text] for text, count in store.texts.items() if 0 < attempted[text] < count)
    foreign = sum(count for text, count in store.texts.items() if text not in attempted)
    corrupted = foreign + store.broken_vectors
    if embed and not corrupted:
        corrupted = _mismatched(store.sample, embed)
    return Audit(
        acknowledged=acknowledged,
        stored=store.texts.total(),
        lost=lost,
        duplicated=duplicated,
        corrupted=corrupted,
        problem=_problem(acknowledged, lost, duplicated, corrupted),
    )


@dataclass
class _Store:
    """What was read back: how often each text, how many vectors that are none, and some memories to look at."""

    texts: Counter[str] = field(default_factory=Counter)
    broken_vectors: int = 0
    sample: list[tuple[str, Sequence[float]]] = field(default_factory=list)


def _read_back(backend: MemoryBackend, ignored: set[str], stride: int) -> _Store:
    store = _Store()
    for text, vector in backend.stored():
        if text in ignored:
            continue
        if store.texts.total() % stride == 0 and len(store.sample) < VECTOR_SAMPLE:
            store.sample.append((text, vector))
        store.texts[text] += 1
        store.broken_vectors += not _is_unit(vector)
    return store


def _attempted(clients: Clients) -> tuple[Counter[str], Counter[str]]:
    """All texts that operations carried, and those of the operations that raised."""
    failed = Counter(text for log in clients.logs for text in log.failed)
    attempted = Counter(
        text
        for client, log in enumerate(clients.logs)
        for text in itertools.islice(clients.texts_of(client), log.acknowledged + len(log.failed))
    )
    return attempted, failed


def _mismatched(memories: Sequence[tuple[str, Sequence[float]]], embed: Embed) -> int:
    """How many memories have a vector that is not their text's."""
    if not memories:
        return 0
    expected = np.asarray(embed([text for text, _ in memories]))
    held = np.asarray([vector for _, vector in memories], np.float32)
    if expected.shape != held.shape:
        return len(memories)
    return int(np.count_nonzero(np.einsum("ij,ij->i", expected, held) < COSINE_MIN))


def _is_unit(vector: Sequence[float]) -> bool:
    return abs(float(np.linalg.norm(np.asarray(vector, np.float32))) - 1) < UNIT_TOLERANCE


def _problem(acknowledged: int, lost: int, duplicated: int, corrupted: int) -> str | None:
    parts = [
        f"{plural(count, 'memory', 'memories')} {fate}"
        for count, fate in (
            (lost, f"of {format_count(acknowledged)} acknowledged lost"),
            (duplicated, "stored twice"),
            (corrupted, "corrupted"),
        )
        if count
    ]
    return ", ".join(parts) or None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
