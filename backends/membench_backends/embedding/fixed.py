"""Ready vectors at the price of a checksum, in place of a model: what remains of an add is everything but embedding."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from membench_backends.base import Vector

_DISTINCT_VECTORS = 1024
_SEED = 20_251_210


class FixedEmbedder:
    """Gives each text one of 1,024 random unit vectors, the same in every run; follows `base.Strategy`."""

    def __init__(self, dimensions: int) -> None:
        vectors = np.random.default_rng(_SEED).standard_normal((_DISTINCT_VECTORS, dimensions))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        self._vectors: Vector = vectors.astype(np.float32)

    def embed(self, text: str) -> Vector:
        """The vector that stands for a text: shape (dimensions,), float32."""
        vector: Vector = self._vectors[_row(text)]
        return vector

    def embed_batch(self, texts: Sequence[str]) -> Vector:
        """The vectors that stand for texts: shape (len(texts), dimensions), float32."""
        return self._vectors[[_row(text) for text in texts]]

    def close(self) -> None:
        """Nothing runs in the background."""


def _row(text: str) -> int:
    """Chosen by the text's CRC-32; a line break counts as a space, as it does for a tokeniser."""
    return zlib.crc32(text.replace("\n", " ").encode()) % _DISTINCT_VECTORS
