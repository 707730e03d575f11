"""The audit after a run: reads the store back and compares its contents with what was acknowledged."""

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

SAMPLE_SIZE = 32
"""Stored vectors that are compared with an embedding of their text alone."""
UNIT_TOLERANCE = 1e-2
DISTANCE_MIN = 1e-4
"""1 - cosine that always passes: a store may round, and padding moves an fp32 vector by less than 1e-6."""
DRIFT_MARGIN = 3.0
"""Factor of the measured drift that passes.

In int8, the range of a batch's activations decides how each of them is rounded, so a text's vector depends on the rest
of its batch: by about 1e-4 on a speed twin, and by more on real weights. Each audit measures this drift by embedding
the sample as one batch. A fixed tolerance wide enough for every model would accept wrong vectors.
"""

Embed = Callable[[Sequence[str]], "NDArray[np.float32]"]


def audit(
    backend: MemoryBackend,
    clients: Clients,
    warmup: Iterable[str],
    embed: Embed | None,
    embed_batch: Embed | None = None,
) -> Audit:
    """Compare the memories that were acknowledged to the clients with those in the store.

    Args:
        backend: The system under test; nothing writes to it any more.
        clients: The clients, all finished.
        warmup: Texts added before the clock started; they are in the store and in no count.
        embed: Embeds each text alone, to check that a sample of vectors matches its texts; None skips the check.
        embed_batch: Embeds the texts as one batch, if that can change their vectors; None if it cannot.

    Returns:
        Counts of memories. `stored` and the counts derived from it are None if the store cannot be read.
    """
    attempted, failed = _attempted_and_failed(clients)
    acknowledged = sum(log.acknowledged for log in clients.logs)
    try:
        contents = _read_back(backend, ignored=set(warmup), stride=max(acknowledged // SAMPLE_SIZE, 1))
    except Exception as error:
        logging.getLogger(__name__).exception("the store cannot be read back")
        problem = f"the store is corrupted and cannot be read back: {in_one_line(error)}"
        return Audit(
            acknowledged=acknowledged, stored=None, lost=None, duplicated=None, corrupted=None, problem=problem
        )
    stored = contents.texts
    lost = (attempted - failed - stored).total()
    duplicated = sum(count - attempted[text] for text, count in stored.items() if 0 < attempted[text] < count)
    foreign = sum(count for text, count in stored.items() if text not in attempted)
    corrupted = foreign + contents.invalid_vectors
    if embed and not corrupted:
        corrupted = _count_mismatches(contents.sample, embed, embed_batch)
    return Audit(
        acknowledged=acknowledged,
        stored=stored.total(),
        lost=lost,
        duplicated=duplicated,
        corrupted=corrupted,
        problem=_describe_problem(acknowledged, lost, duplicated, corrupted),
    )


@dataclass
class _Contents:
    """The contents of a store, without the warm-up."""

    texts: Counter[str] = field(default_factory=Counter)
    invalid_vectors: int = 0
    """Vectors whose length is not 1."""
    sample: list[tuple[str, Sequence[float]]] = field(default_factory=list)


def _read_back(backend: MemoryBackend, ignored: set[str], stride: int) -> _Contents:
    """Read all memories of the store, and take every `stride`-th of them as the sample, up to its size."""
    contents = _Contents()
    for text, vector in backend.stored():
        if text in ignored:
            continue
        if contents.texts.total() % stride == 0 and len(contents.sample) < SAMPLE_SIZE:
            contents.sample.append((text, vector))
        contents.texts[text] += 1
        contents.invalid_vectors += not _is_unit(vector)
    return contents


def _attempted_and_failed(clients: Clients) -> tuple[Counter[str], Counter[str]]:
    """Return the texts of all operations, and those of the operations that raised."""
    failed = Counter(text for log in clients.logs for text in log.failed_texts)
    attempted = Counter(
        text
        for client, log in enumerate(clients.logs)
        for text in itertools.islice(clients.texts_of(client), log.acknowledged + len(log.failed_texts))
    )
    return attempted, failed


def _count_mismatches(memories: Sequence[tuple[str, Sequence[float]]], embed: Embed, embed_batch: Embed | None) -> int:
    """Return how many memories have a vector that is not the vector of their text."""
    if not memories:
        return 0
    texts = [text for text, _ in memories]
    expected = np.asarray(embed(texts))
    stored = np.asarray([vector for _, vector in memories], np.float32)
    if expected.shape != stored.shape:
        return len(memories)
    drift = _cosine_distances(expected, np.asarray(embed_batch(texts))).max() if embed_batch else 0.0
    distances = _cosine_distances(expected, stored)
    return int(np.count_nonzero(distances > max(DISTANCE_MIN, DRIFT_MARGIN * drift)))


def _cosine_distances(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return 1 - cosine of each pair of rows."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    distances: NDArray[np.float64] = 1 - np.einsum("ij,ij->i", a, b) / lengths
    return distances


def _is_unit(vector: Sequence[float]) -> bool:
    return abs(float(np.linalg.norm(np.asarray(vector, np.float32))) - 1) < UNIT_TOLERANCE


def _describe_problem(acknowledged: int, lost: int, duplicated: int, corrupted: int) -> str | None:
    parts = [
        f"{plural(count, 'memory', 'memories')} {outcome}"
        for count, outcome in (
            (lost, f"of {format_count(acknowledged)} acknowledged lost"),
            (duplicated, "stored twice"),
            (corrupted, "corrupted"),
        )
        if count
    ]
    return ", ".join(parts) or None
