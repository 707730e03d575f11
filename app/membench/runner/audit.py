"""The audit after a run: reads store and history back and compares them with what was acknowledged."""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from membench.messages.run import Audit
from membench.runner.load import Clients, user_of
from membench.text import error_line
from membench.units import format_count, plural
from membench_backends.base import KeepsHistory, Reopens

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from membench_backends.base import MemoryBackend, StoredMemory

SAMPLE_SIZE = 32
"""Stored vectors that are compared with an embedding of their text alone."""
SHARING_MAX = 256
"""Texts that share a vector with another one that are compared with embeddings of their own."""
UNIT_TOLERANCE = 1e-2
DISTANCE_MIN = 1e-4
"""1 - cosine that always passes: a store may round, and padding moves an fp32 vector by less than 1e-6."""
DRIFT_MARGIN = 3.0
"""Factor of the measured drift that passes.

In int8, the range of a batch's activations decides how each of them is rounded, so a text's vector depends on the rest
of its batch: by about 1e-4 on a speed twin, and by more on real weights. Each audit measures this drift by embedding
the sample as one batch. A fixed tolerance wide enough for every model would accept wrong vectors.
"""

Memory = TypeVar("Memory")
Embed = Callable[[Sequence[str]], "NDArray[np.float32]"]


@dataclass
class Progress:
    """How far an audit is."""

    checked: int = 0
    """Memories read back so far, from the store and from the history."""

    def count(self, memories: Iterable[Memory]) -> Iterator[Memory]:
        """Yield each memory, and count it."""
        for memory in memories:
            yield memory
            self.checked += 1


def audit(
    backend: MemoryBackend,
    clients: Clients,
    warmup: Iterable[str],
    embed: Embed | None,
    embed_batch: Embed | None = None,
    parts: Sequence[object] = (),
    progress: Progress | None = None,
) -> Audit:
    """Compare the memories that were acknowledged to the clients with those in the store.

    Args:
        backend: The system under test; nothing writes to it any more.
        clients: The clients, all finished.
        warmup: Texts added before the clock started; they are in the store and in no count.
        embed: Embeds each text alone, to check that a sample of vectors matches its texts; None skips the check.
        embed_batch: Embeds the texts as one batch, if that can change their vectors; None if it cannot.
        parts: The store and the backend: what of them is on disk is closed and opened again before it is read back.
        progress: Counts what has been read back, for other threads to see.

    Returns:
        Counts of memories. `stored` and the counts derived from it are None if the store cannot be read.
    """
    progress = progress or Progress()
    attempts = _Attempts.of(clients)
    acknowledged = sum(log.acknowledged for log in clients.logs)
    try:
        reopened = [part.reopen() for part in parts if isinstance(part, Reopens)]
        stored = progress.count(backend.stored())
        contents = _read_back(stored, attempts, ignored=set(warmup), stride=max(acknowledged // SAMPLE_SIZE, 1))
    except Exception as error:
        return _unreadable(acknowledged, error)
    found = contents.texts
    lost, duplicated = attempts.missing_from(found), attempts.duplicated_in(found)
    corrupted = attempts.foreign_in(found) + contents.invalid_vectors
    if embed and not corrupted:
        corrupted = _count_mismatches(contents.suspects(), embed, embed_batch)
    missing, history_problem = _check_history(backend, attempts, progress)
    problem = _describe_problem(acknowledged, lost, duplicated, corrupted, contents.misplaced, missing)
    return Audit(
        acknowledged=acknowledged,
        stored=found.total(),
        lost=lost,
        duplicated=duplicated,
        corrupted=corrupted,
        misplaced=contents.misplaced,
        history_missing=missing,
        reopened=any(reopened),
        problem=", ".join(filter(None, (problem, history_problem))) or None,
    )


def _unreadable(acknowledged: int, error: Exception) -> Audit:
    logging.getLogger(__name__).error("the store cannot be read back", exc_info=error)
    problem = f"the store is corrupted and cannot be read back: {error_line(error)}"
    return Audit(acknowledged=acknowledged, stored=None, lost=None, duplicated=None, corrupted=None, problem=problem)


@dataclass
class _Attempts:
    """What the clients tried to add."""

    texts: Counter[str]
    """The texts of all operations."""
    failed: Counter[str]
    """Those of the operations that raised."""
    users: dict[str, str | None]
    """The user of each text; None if several clients have it, as a user's file may repeat a text."""

    @classmethod
    def of(cls, clients: Clients) -> _Attempts:
        """Return the attempts of clients that have finished."""
        texts: Counter[str] = Counter()
        users: dict[str, str | None] = {}
        for client, log in enumerate(clients.logs):
            user_id = user_of(client)
            for text in itertools.islice(clients.texts_of(client), log.acknowledged + len(log.failed_texts)):
                texts[text] += 1
                users[text] = user_id if users.get(text, user_id) == user_id else None
        return cls(texts, Counter(text for log in clients.logs for text in log.failed_texts), users)

    def is_of_another_user(self, text: str, user_id: str | None) -> bool:
        """Return whether a text was added by one client, and this is not the client's user."""
        expected = self.users.get(text)
        return expected is not None and expected != user_id

    def missing_from(self, found: Counter[str]) -> int:
        """Return how many acknowledged texts were not found."""
        return (self.texts - self.failed - found).total()

    def duplicated_in(self, found: Counter[str]) -> int:
        """Return how many texts were found more often than they were added."""
        return sum(count - self.texts[text] for text, count in found.items() if 0 < self.texts[text] < count)

    def foreign_in(self, found: Counter[str]) -> int:
        """Return how many texts were found that nobody added."""
        return sum(count for text, count in found.items() if text not in self.texts)


@dataclass
class _Contents:
    """The contents of a store, without the warm-up."""

    texts: Counter[str] = field(default_factory=Counter)
    invalid_vectors: int = 0
    """Vectors whose length is not 1."""
    sample: dict[str, Sequence[float]] = field(default_factory=dict)
    """Vectors by their texts, spread over the store."""
    sharing: dict[str, Sequence[float]] = field(default_factory=dict)
    """Texts with the same vector as another text: right only if both texts have that vector."""
    with_user: int = 0
    """Memories of which the backend states the user."""
    wrong_users: int = 0
    """Memories that a client added, and that are not stored under the client's user."""

    @property
    def misplaced(self) -> int | None:
        """Memories under another user; None if the backend states no users."""
        return self.wrong_users if self.with_user else None

    def suspects(self) -> list[tuple[str, Sequence[float]]]:
        """Return the texts whose vectors are compared with their own embeddings."""
        return list({**self.sharing, **self.sample}.items())


def _read_back(stored: Iterable[StoredMemory], attempts: _Attempts, ignored: set[str], stride: int) -> _Contents:
    """Read all memories of the store, and take every `stride`-th of them as the sample, up to its size."""
    contents = _Contents()
    text_of_vector: dict[int, str] = {}
    measured = (memory for memory in stored if memory[0] not in ignored)
    for number, (text, vector, *user) in enumerate(measured):
        if number % stride == 0 and len(contents.sample) < SAMPLE_SIZE:
            contents.sample[text] = vector
        contents.texts[text] += 1
        array = np.asarray(vector, np.float32)
        contents.invalid_vectors += not _is_unit(array)
        user_id = user[0] if user else None
        contents.with_user += user_id is not None
        contents.wrong_users += attempts.is_of_another_user(text, user_id)
        other = text_of_vector.setdefault(hash(array.tobytes()), text)
        if other != text and len(contents.sharing) < SHARING_MAX:
            contents.sharing |= {other: vector, text: vector}
    return contents


def _check_history(backend: MemoryBackend, attempts: _Attempts, progress: Progress) -> tuple[int | None, str | None]:
    """Return how many acknowledged memories the history lacks, and why that is unknown if it cannot be read."""
    if not isinstance(backend, KeepsHistory):
        return None, None
    try:
        return attempts.missing_from(Counter(progress.count(backend.history()))), None
    except Exception as error:
        logging.getLogger(__name__).exception("the history cannot be read back")
        return None, f"the history cannot be read back: {error_line(error)}"


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


def _is_unit(vector: NDArray[np.float32]) -> bool:
    return abs(float(np.linalg.norm(vector)) - 1) < UNIT_TOLERANCE


def _describe_problem(
    acknowledged: int, lost: int, duplicated: int, corrupted: int, misplaced: int | None, history_missing: int | None
) -> str | None:
    parts = [
        f"{plural(count, 'memory', 'memories')} {outcome}"
        for count, outcome in (
            (lost, f"of {format_count(acknowledged)} acknowledged lost"),
            (duplicated, "stored twice"),
            (corrupted, "corrupted"),
            (misplaced, "stored under another user"),
            (history_missing, "missing from the history"),
        )
        if count
    ]
    return ", ".join(parts) or None
