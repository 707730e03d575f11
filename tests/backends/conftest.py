"""Fixtures for the tests of backends. Mem0 reads its environment on import, so it is set here first."""

from __future__ import annotations

import os
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MEM0_FOLDER = tempfile.TemporaryDirectory(prefix="membench-tests-mem0-")  # removed when the tests end
os.environ |= {"MEM0_DIR": _MEM0_FOLDER.name, "HF_HUB_OFFLINE": "1"}

DIMENSIONS = 32


class HashStrategy:
    """Embeds a text as a unit vector derived from its checksum, and records its calls."""

    def __init__(self) -> None:
        self.singles: list[str] = []
        self.batches: list[list[str]] = []

    def embed(self, text: str) -> NDArray[np.float32]:
        self.singles.append(text)
        return self.vector(text)

    def embed_batch(self, texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        self.batches.append(list(texts))
        return np.stack([self.vector(text) for text in texts])

    def vector(self, text: str) -> NDArray[np.float32]:
        import numpy as np

        vector = np.random.default_rng(zlib.crc32(text.encode())).standard_normal(DIMENSIONS).astype(np.float32)
        return vector / np.linalg.norm(vector)

    def close(self) -> None:
        pass


@pytest.fixture
def strategy() -> HashStrategy:
    return HashStrategy()


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """Return a function that builds a store by name; the stores are closed after the test."""
    from membench_backends.stores.table import STORES

    opened = []

    def build(name: str) -> Any:
        folder = tmp_path / f"store-{len(opened)}"
        folder.mkdir()
        opened.append(STORES[name].build(folder))
        return opened[-1]

    yield build
    for store in opened:
        store.close()


@pytest.fixture
def in_threads() -> Callable[[int, Callable[[int], Any]], None]:
    """Return a function that calls `work(k)` in n threads that start together, and raises what any of them raised."""

    def run(threads: int, work: Callable[[int], Any]) -> None:
        barrier = Barrier(threads)

        def start(k: int) -> None:
            barrier.wait()
            work(k)

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(start, range(threads)))

    return run
