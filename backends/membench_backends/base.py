"""What a system under test is made of: the protocols that backends, strategies, models and stores follow.

This module imports nothing heavy, so the console can read what a backend can do without loading it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]


def in_one_line(error: BaseException, max_length: int = 300) -> str:
    """Return an error's type and message as one line of at most `max_length` characters."""
    message = " ".join(str(error).split())
    line = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return line if len(line) <= max_length else f"{line[: max_length - 1]}…"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?` with the known name closest to a mistyped one; empty if none is close."""
    closest = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {closest[0]}?" if closest else ""


class UnavailableError(Exception):
    """Something a run needs cannot be had on this machine; the message says what it is and how to get it."""


class Point(NamedTuple):
    """One stored memory: a UUID as text, its vector of `dimensions` numbers, and what was kept beside it."""

    id: str
    vector: Sequence[float]
    payload: dict[str, Any]


class StoredMemory(NamedTuple):
    """What the audit reads back: the text of a memory and the vector that stands for it."""

    text: str
    vector: Sequence[float]


class Model(Protocol):
    """An embedding model, loaded. Safe to call from several threads at once."""

    dimensions: int

    def embed(self, texts: Sequence[str], batch_size: int = 256) -> Vector:
        """Embed texts in the order given.

        Args:
            texts: What to embed.
            batch_size: Texts a call of the model; each call pads its texts to its longest.

        Returns:
            Unit vectors, shape (len(texts), dimensions), float32.
        """


TokenOutput = Any
"""What a model gave for a batch of tokens, before it is pooled; only `TokenModel.finish` looks inside."""


class TokenModel(Model, Protocol):
    """A model whose three steps can be called apart, so that they can happen in different threads."""

    def tokenise(self, text: str) -> Sequence[int]:
        """The tokens of a text, special ones included, cut at what the model can take."""

    def run_tokens(self, batch: Sequence[Sequence[int]]) -> TokenOutput:
        """Run texts as one batch, padded to the longest."""

    def finish(self, output: TokenOutput, row: int) -> Vector:
        """Pool and normalise one text of a batch: shape (dimensions,), float32."""


class LoadTokenModel(Protocol):
    """Loads a session of the model."""

    def __call__(self, threads: int | None = None) -> TokenModel:
        """A new session. `threads` is a strategy's own idea of how many it needs; the user's comes first."""


class Strategy(Protocol):
    """How concurrent callers share the model. Every method may be called from any thread."""

    def embed(self, text: str) -> Vector:
        """Embed one text: shape (dimensions,), float32."""

    def embed_batch(self, texts: Sequence[str]) -> Vector:
        """Embed the caller's list: shape (len(texts), dimensions), float32."""

    def close(self) -> None:
        """Stop what runs in the background. A caller that still waits gets an error, never silence."""


class VectorStore(Protocol):
    """Where vectors are kept."""

    def create(self, dimensions: int) -> None:
        """Make the collection, empty, for cosine distance."""

    def upsert(self, points: Sequence[Point]) -> None:
        """Write points, replacing those with the same id."""

    def search(self, vector: Sequence[float], limit: int, user_id: str | None = None) -> list[Point]:
        """The nearest points, best first, of one user or of all."""

    def points(self) -> Iterator[Point]:
        """Read everything back, in no particular order.

        Raises:
            Exception: Whatever the store raises when it can no longer read itself; the audit reports it.
        """

    def close(self) -> None:
        """Release files and memory."""


class MemoryBackend(Protocol):
    """A memory system, ready for use. Operations may be called from several threads at once."""

    def add(self, text: str, user_id: str) -> None:
        """Store one memory. Returning means acknowledged: the audit will look for it."""

    def add_batch(self, texts: Sequence[str], user_id: str) -> None:
        """Store a list of memories; returning acknowledges all of them."""

    def stored(self) -> Iterator[StoredMemory]:
        """Read back every memory the system holds."""

    def close(self) -> None:
        """Release what the backend itself made; the strategy and the store belong to the caller."""


@runtime_checkable
class MakesVectors(Protocol):
    """A backend that makes its vectors itself, without a model, and can say which vector a text gets."""

    def vectors(self, texts: Sequence[str]) -> Vector:
        """The vectors of texts, shape (len(texts), dimensions)."""


class Capabilities(msgspec.Struct, frozen=True):
    """What a backend can do. The instrument decides by these, never by a backend's name."""

    embeds: bool
    """Turns texts into vectors, so a strategy, a model and threads apply to it."""
    stores: bool
    """Keeps what it is given in a vector store, so a store applies and the audit reads it back."""
    batch_call: bool
    """Takes a list in one call; otherwise `add_batch` is a loop of `add`, and the record says so."""


class Parts(msgspec.Struct, frozen=True):
    """What a backend is built from."""

    strategy: Strategy | None
    """None for a backend that does not embed."""
    store: VectorStore | None
    """None for a backend that does not store; not yet created, so that a system may do that its own way."""
    dimensions: int
    """Length of a vector."""
    folder: Path
    """An empty folder for files; it is removed after the run."""


class BackendInfo(msgspec.Struct, frozen=True):
    """A backend as the catalogue shows it. Building it is what loads its libraries."""

    name: str
    summary: str
    capabilities: Capabilities
    build: Callable[[Parts], MemoryBackend]
    distribution: str | None = None
    """The installed distribution it measures; its version is shown and recorded."""
    version_label: str = ""
    """Shown for a version where there is no distribution: `port`."""
    requires: tuple[str, ...] = ()
    """Modules that must be importable."""
    default_strategies: tuple[str, ...] = ("shared",)
    """The strategies that show the system as it ships, for a plan that names none."""
    note: str = ""
    """What a reader of its figures must know."""
    unavailable: str = ""
    """Why it cannot run here, and how to change that; empty when it can."""
