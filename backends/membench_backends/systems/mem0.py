"""Mem0 as installed, without its LLM: `Memory.add(..., infer=False)`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from membench_backends.base import BackendInfo, Capabilities, Parts, StoredMemory, Strategy, VectorStore
from membench_backends.group_commit import GroupCommit
from membench_backends.readback import added_texts, stored_memories
from membench_backends.stages import mark, now_ns
from membench_backends.stores.client import COLLECTION
from membench_backends.stores.mem0_adapter import store_for_mem0

if TYPE_CHECKING:
    from mem0 import Memory
    from mem0.embeddings.base import EmbeddingBase
    from mem0.memory.storage import SQLiteManager
    from qdrant_client import QdrantClient

_UNUSED = {"provider": "openai", "config": {"api_key": "unused"}}
"""Mem0 always builds an LLM and an embedder. These need no network and no model, and are never called."""
_SPACY_MODEL = "en_core_web_sm"


class Mem0Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the history is written."""

    history: Annotated[
        Literal["as-shipped", "together"],
        msgspec.Meta(description="a commit per row, as Mem0 does, or one for all adds that wait, in a write-ahead log"),
    ] = "as-shipped"


class Mem0Backend:
    """A `mem0.Memory` whose embedder is the strategy.

    On a store with a Qdrant client, Mem0's own Qdrant class runs on that client and creates the collection as shipped,
    with a slot for BM25 vectors. It fills the slot only if FastEmbed finds its model `Qdrant/bm25` on this machine; a
    run never downloads it. On any other store, an adapter replaces Mem0's vector store, and there is no BM25. The
    history is Mem0's own, or, with `history=together`, a subclass of it (see `_history_in_groups`). The environment
    variables `MEM0_DIR` and `HF_HUB_OFFLINE=1` must be set, and telemetry turned off, before this is built.

    Attributes:
        memory: The `mem0.Memory`.
    """

    def __init__(self, parts: Parts) -> None:
        assert parts.strategy is not None, "a backend that embeds is built with a strategy"
        assert parts.store is not None, "a backend that stores is built with a store"
        self._store = parts.store
        self._history_path = parts.folder / "history.db"
        self.memory: Memory = _memory(parts.store, parts.dimensions, self._history_path)
        self.memory.embedding_model = _embedder(parts.strategy, parts.dimensions)
        options = parts.options or Mem0Options()
        if options.history == "together":
            self.memory.db.close()
            self.memory.db = _history_in_groups()(str(self._history_path))
        self.memory.vector_store.insert = _timed("store", self.memory.vector_store.insert)
        self.memory.db.add_history = _timed("history", self.memory.db.add_history)

    def add(self, text: str, user_id: str) -> None:
        """Store one memory with `Memory.add(text, user_id=..., infer=False)`."""
        self.memory.add(text, user_id=user_id, infer=False)

    def add_batch(self, texts: Sequence[str], user_id: str) -> None:
        """Store the memories one by one: Mem0 has no call for a list of memories."""
        for text in texts:
            self.add(text, user_id)

    def stored(self) -> Iterator[StoredMemory]:
        """Yield every memory in the vector store, in no particular order."""
        return stored_memories(self._store)

    def history(self) -> Iterator[str]:
        """Yield the text of each addition that the history records."""
        return added_texts(self._history_path)

    def writes_bm25(self) -> bool:
        """Return whether the memories added so far have BM25 vectors beside their own.

        Mem0's Qdrant class looks for the model of these vectors at the first add, and does without if there is none.
        """
        store = self.memory.vector_store
        return bool(getattr(store, "_has_bm25_slot", False) and getattr(store, "_bm25_encoder", None))

    def close(self) -> None:
        """Close Mem0's history."""
        self.memory.close()


def _memory(store: VectorStore, dimensions: int, history: Path) -> Memory:
    """Return a Memory on the store's own Qdrant client, or on the adapter if the store has none."""
    from mem0 import Memory
    from qdrant_client import QdrantClient

    _keep_spacy_offline()
    client = getattr(store, "client", None)
    if isinstance(client, QdrantClient):
        return Memory.from_config(_config(client, dimensions, history))
    # Mem0 only builds vector stores of its own, so it starts with an empty one that the adapter then replaces.
    memory = Memory.from_config(_config(QdrantClient(":memory:"), dimensions, history))
    memory.vector_store = store_for_mem0(store, dimensions)
    return memory


def _keep_spacy_offline() -> None:
    """Let Mem0 do without spaCy's English model where that is missing, as it does without spaCy.

    If spaCy is installed, Mem0's first add would download the model and install it with pip.
    """
    from mem0.utils import spacy_models

    def check_model() -> None:
        import spacy  # type: ignore[import-not-found]

        if not spacy.util.is_package(_SPACY_MODEL):
            raise RuntimeError(f"{_SPACY_MODEL} is not installed, and a run downloads nothing")

    spacy_models._ensure_model_available = check_model


def _config(client: QdrantClient, dimensions: int, history: Path) -> dict[str, Any]:
    store = {"client": client, "collection_name": COLLECTION, "embedding_model_dims": dimensions}
    return {
        "vector_store": {"provider": "qdrant", "config": store},
        "embedder": _UNUSED,
        "llm": _UNUSED,
        "history_db_path": str(history),
    }


@cache
def _history_in_groups() -> type[SQLiteManager]:
    """Return Mem0's history class with a write-ahead log, in which adds that come at the same time share one commit.

    Two things differ from Mem0's class: `journal_mode` is WAL, and `add_history` passes its row to `batch_add_history`
    together with the rows of all callers that wait. Schema, connection, lock, statements and `synchronous = FULL` are
    Mem0's, so a row is on disk when its caller returns, as before.
    """
    from mem0.memory.storage import SQLiteManager

    class HistoryInGroups(SQLiteManager):  # type: ignore[misc]
        def __init__(self, db_path: str) -> None:
            super().__init__(db_path)
            self.connection.execute("PRAGMA journal_mode = WAL")
            self._commit = GroupCommit[dict[str, Any]](self.batch_add_history)

        def add_history(
            self, memory_id: str, old_memory: str | None, new_memory: str | None, event: str, **columns: Any
        ) -> None:
            row = {"memory_id": memory_id, "old_memory": old_memory, "new_memory": new_memory, "event": event}
            self._commit(row | columns)

    return HistoryInGroups


def _embedder(strategy: Strategy, dimensions: int) -> EmbeddingBase:
    """Return an embedder that works as Mem0's FastEmbed embedder does, with the strategy in place of the model."""
    from mem0.configs.embeddings.base import BaseEmbedderConfig
    from mem0.embeddings.base import EmbeddingBase

    class StrategyEmbedder(EmbeddingBase):  # type: ignore[misc]
        def embed(self, text: str, memory_action: Literal["add", "search", "update"] | None = None) -> list[float]:
            begin = now_ns()
            vector: list[float] = strategy.embed(text.replace("\n", " ")).tolist()
            mark("embed", begin)
            return vector

    return StrategyEmbedder(BaseEmbedderConfig(embedding_dims=dimensions))


def _timed(stage: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """Return the same call, with its duration reported as a stage."""

    @wraps(call)
    def timed_call(*args: Any, **options: Any) -> Any:
        begin = now_ns()
        try:
            return call(*args, **options)
        finally:
            mark(stage, begin)

    return timed_call


INFO = BackendInfo(
    name="mem0",
    summary="Mem0's own add path without the LLM: embed, vector store, history.",
    capabilities=Capabilities(embeds=True, stores=True, batch_call=False),
    build=Mem0Backend,
    distribution="mem0ai",
    requires=("mem0", "qdrant_client"),
    note="infer=False: no LLM is called; texts are stored unchanged. The embedder is replaced by the strategy. On the "
    "store edge, so is Mem0's Qdrant class, and there is no BM25; elsewhere BM25 needs its model on this machine.",
    options=Mem0Options,
)
