"""The protocols that backends, strategies, models and stores follow, and the description of a backend.

This module imports nothing heavy, so the console can list the backends without loading their libraries.
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


def in_one_line(error: BaseException) -> str:
    """Return an error's type and message as one line. The instrument masks secrets in it before it cuts it."""
    try:
        message = " ".join(str(error).split())
    except Exception:  # the error's own code is as foreign as what it reports
        message = "its message cannot be read"
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?` with the known name closest to a mistyped one; empty if none is close."""
    closest = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {closest[0]}?" if closest else ""


class UnavailableError(Exception):
    """Something that a run needs is missing on this machine; the message says what, and how to get it."""


class Point(NamedTuple):
    """One memory in a vector store."""

    id: str
    """A UUID as text."""
    vector: Sequence[float]
    payload: dict[str, Any]


class StoredMemory(NamedTuple):
    """A memory as the audit reads it back."""

    text: str
    vector: Sequence[float]
    user_id: str | None = None
    """The user under whom it is stored; None where the backend does not say, so that it is not checked."""


class Model(Protocol):
    """A loaded embedding model. Safe to call from several threads at once."""

    dimensions: int

    def embed(self, texts: Sequence[str], batch_size: int = 256) -> Vector:
        """Embed texts in the order given.

        Args:
            texts: The texts to embed.
            batch_size: Texts per call of the model; each call pads its texts to the longest of them.

        Returns:
            Unit vectors, shape (len(texts), dimensions), float32.
        """


TokenOutput = Any
"""The output of a model for a batch of tokens, before pooling. Only `TokenModel.finish` interprets it."""


class TokenModel(Model, Protocol):
    """A model whose three steps can be called separately, and so from different threads."""

    def tokenise(self, text: str) -> Sequence[int]:
        """Return the tokens of a text with special tokens, truncated to the model's maximum length."""

    def run_tokens(self, batch: Sequence[Sequence[int]]) -> TokenOutput:
        """Run texts as one batch, padded to the longest."""

    def finish(self, output: TokenOutput, row: int) -> Vector:
        """Pool and normalise one text of a batch: shape (dimensions,), float32."""


class LoadTokenModel(Protocol):
    """A function that loads a new session of the model."""

    def __call__(self, threads: int | None = None) -> TokenModel:
        """Load a session. `threads` is the strategy's preference; a number set by the user overrides it."""


class Strategy(Protocol):
    """How concurrent callers share the model. Every method may be called from any thread."""

    def embed(self, text: str) -> Vector:
        """Embed one text: shape (dimensions,), float32."""

    def embed_batch(self, texts: Sequence[str]) -> Vector:
        """Embed the caller's list: shape (len(texts), dimensions), float32."""

    def close(self) -> None:
        """Stop background threads. A caller that is still waiting gets its result or an error; it never hangs."""


class VectorStore(Protocol):
    """A store of vectors with their payloads."""

    def create(self, dimensions: int) -> None:
        """Create an empty collection that compares vectors by cosine."""

    def upsert(self, points: Sequence[Point]) -> None:
        """Write points, replacing those with the same id."""

    def search(self, vector: Sequence[float], limit: int, user_id: str | None = None) -> list[Point]:
        """Return the nearest points, best first, of one user or of all users."""

    def points(self) -> Iterator[Point]:
        """Yield every point, in no particular order.

        Raises:
            Exception: Whatever the store raises if its data is corrupt; the audit reports it.
        """

    def close(self) -> None:
        """Release files and memory."""


class MemoryBackend(Protocol):
    """A memory system, ready for use. Operations may be called from several threads at once."""

    def add(self, text: str, user_id: str) -> None:
        """Store one memory. Returning acknowledges it: the audit expects to find it."""

    def add_batch(self, texts: Sequence[str], user_id: str) -> None:
        """Store a list of memories. Returning acknowledges all of them."""

    def stored(self) -> Iterator[StoredMemory]:
        """Yield every stored memory, in no particular order."""

    def close(self) -> None:
        """Release what the backend itself created; the strategy and the store belong to the caller."""


@runtime_checkable
class KeepsHistory(Protocol):
    """A backend that records every addition in a history, apart from the memories themselves."""

    def history(self) -> Iterator[str]:
        """Yield the text of each memory that the history records as added, in no particular order."""


@runtime_checkable
class Reopens(Protocol):
    """A backend or a store that can keep memories on disk."""

    def reopen(self) -> bool:
        """Close the files and open them again; return False, and do nothing, if there are none.

        The audit calls it once nothing writes, and then reads back.
        """


@runtime_checkable
class MakesVectors(Protocol):
    """A backend that computes its vectors without a model, and can say which vector a text gets."""

    def vectors(self, texts: Sequence[str]) -> Vector:
        """Return the vectors of texts, shape (len(texts), dimensions)."""


@runtime_checkable
class IndexesKeywords(Protocol):
    """A backend that can store a keyword vector beside each memory's own, for searches by BM25."""

    def writes_bm25(self) -> bool:
        """Return whether the memories added so far have keyword vectors."""


class Capabilities(msgspec.Struct, frozen=True):
    """What a backend can do. The instrument branches on these, never on a backend's name."""

    embeds: bool
    """Whether it turns texts into vectors; a strategy, a model and threads then apply to it."""
    stores: bool
    """Whether it keeps memories in a vector store; a store then applies, and the audit reads the memories back."""
    batch_call: bool
    """Whether it accepts a list in one call. If not, `add_batch` is a loop of `add`, and the record says so."""


class NoOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The declaration of a backend without options."""


class Parts(msgspec.Struct, frozen=True):
    """What a backend is built from."""

    strategy: Strategy | None
    """None for a backend that does not embed."""
    store: VectorStore | None
    """None for a backend that does not store. The backend creates the collection, in its own way."""
    dimensions: int
    """Length of a vector."""
    folder: Path
    """An empty folder for files; it is deleted after the run."""
    options: Any = None
    """The backend's options: an instance of `BackendInfo.options`; None: all have their defaults."""


class BackendInfo(msgspec.Struct, frozen=True):
    """A backend that can be chosen. Only building it imports its libraries."""

    name: str
    summary: str
    capabilities: Capabilities
    build: Callable[[Parts], MemoryBackend]
    distribution: str | None = None
    """The installed distribution that it measures, whose version is shown and recorded."""
    version_label: str = ""
    """Shown instead of a version if there is no distribution: `port`."""
    requires: tuple[str, ...] = ()
    """Modules that must be importable."""
    default_strategies: tuple[str, ...] = ("shared",)
    """The strategies of the system as shipped, used by a plan that names none."""
    note: str = ""
    """A caveat for readers of its figures."""
    unavailable: str = ""
    """Why it cannot run here, and how to change that; empty if it can."""
    options: type[msgspec.Struct] = NoOptions
    """The Struct that declares its options, see `membench_backends.options`."""
