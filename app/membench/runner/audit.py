"""Acknowledged against stored: reads the store back after a run and says what is not as it should be."""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from membench.messages.run import Audit
from membench.runner.load import Clients
from membench.units import format_count, plural
from membench_backends.base import in_one_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from membench_backends.base import MemoryBackend

VECTOR_SAMPLE = 32
"""Stored vectors that are compared with their text embedded again, alone."""
UNIT_TOLERANCE = 1e-2
DISTANCE_MIN = 1e-4
"""1 - cosine that is always let pass: a store may round, and padding moves an fp32 vector by less than 1e-6."""
DRIFT_MARGIN = 3.0
"""How much further from its text alone a vector may be than the sample was when it was embedded as one batch.

In int8 the range of a batch's activations decides how each is rounded, so that a text's vector depends on its company:
by some 1e-4 on a speed twin, more on real weights. The tolerance follows from that, measured at each audit, instead
of being so wide that it lets everything pass.
"""

Embed = Callable[[Sequence[str]], "NDArray[np.float32]"]


def audit(
    backend: MemoryBackend,
    clients: Clients,
    warmup: Iterable[str],
    embed: Embed | None,
    embed_together: Embed | None = None,
) -> Audit:
    """Compare what the clients were told is stored with what the store now holds.

    Args:
        backend: The system that was measured; nothing writes to it any more.
        clients: The clients, done.
        warmup: Texts stored before the clock started; they are in the store and in no count.
        embed: Embeds texts one at a time, to check that a sample of vectors belongs to its texts; None to skip that.
        embed_together: Embeds them as one batch, where that gives other vectors and the system may have done so too.

    Returns:
        Counts of memories. `stored` and what follows from it is None when the store cannot be read at all.
    """
    attempted, failed = _attempted(clients)
    acknowledged = sum(log.acknowledged for log in clients.logs)
    try:
        store = _read_back(backend, ignored=set(warmup), stride=max(acknowledged // VECTOR_SAMPLE, 1))
    except Exception as error:
        logging.getLogger(__name__).exception("the store cannot be read back")
        problem = f"the store is corrupted, it cannot be read back: {in_one_line(error)}"
        return Audit(
            acknowledged=acknowledged, stored=None, lost=None, duplicated=None, corrupted=None, problem=problem
        )
    lost = (attempted - failed - store.texts).total()
    duplicated = sum(count - attempted[text] for text, count in store.texts.items() if 0 < attempted[text] < count)
    foreign = sum(count for text, count in store.texts.items() if text not in attempted)
    corrupted = foreign + store.broken_vectors
    if embed and not corrupted:
        corrupted = _mismatched(store.sample, embed, embed_together)
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


def _mismatched(memories: Sequence[tuple[str, Sequence[float]]], embed: Embed, together: Embed | None) -> int:
    """How many memories have a vector that is not their text's."""
    if not memories:
        return 0
    texts = [text for text, _ in memories]
    expected = np.asarray(embed(texts))
    held = np.asarray([vector for _, vector in memories], np.float32)
    if expected.shape != held.shape:
        return len(memories)
    drift = _distances(expected, np.asarray(together(texts))).max() if together else 0.0
    return int(np.count_nonzero(_distances(expected, held) > max(DISTANCE_MIN, DRIFT_MARGIN * drift)))


def _distances(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    """1 - cosine, row by row."""
    a, b = one.astype(np.float64), other.astype(np.float64)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    distances: NDArray[np.float64] = 1 - np.einsum("ij,ij->i", a, b) / lengths
    return distances


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
