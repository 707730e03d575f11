"""The architectures of speed twins, and their cache keys; imports nothing heavy, because the console reads it."""

from __future__ import annotations

import hashlib
import json

import msgspec

SEED = 20_251_210
"""Seed of a twin's random weights."""
BUILDER = 1
"""Version of the builder. Increase it when `twin.py` writes different files, to rebuild cached twins."""


class Architecture(msgspec.Struct, frozen=True):
    """The dimensions of a BERT encoder."""

    name: str
    """Display name."""
    layers: int
    hidden: int
    """Length of a token vector and of an embedding."""
    heads: int
    intermediate: int
    """Width of the feed-forward block."""
    vocabulary: int = 30_522
    positions: int = 512
    """Maximum tokens of an input, including [CLS] and [SEP]."""
    token_types: int = 2

    @property
    def parameters(self) -> int:
        """Number of weights of the encoder, without the pooler, which embedding does not use."""
        embeddings = (self.vocabulary + self.positions + self.token_types) * self.hidden
        attention = 4 * self.hidden * (self.hidden + 1)
        feed_forward = 2 * self.hidden * self.intermediate + self.hidden + self.intermediate
        normalisation = 2 * self.hidden
        return embeddings + normalisation + self.layers * (attention + feed_forward + 2 * normalisation)

    def flop(self, tokens: int) -> int:
        """Return the floating-point operations of the matrix products for one text; a multiply-add counts as two.

        In each layer, a token is multiplied with four matrices of hidden x hidden and two of hidden x intermediate, and
        attention multiplies it with every token twice.
        """
        matrices = 8 * self.hidden * self.hidden + 4 * self.hidden * self.intermediate
        attention = 4 * self.hidden * tokens
        return self.layers * tokens * (matrices + attention)

    @property
    def key(self) -> str:
        """Hash of the architecture, seed and builder version, which determine the twin's content on every machine."""
        content = json.dumps([msgspec.structs.asdict(self), SEED, BUILDER], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


BGE_SMALL = Architecture(name="bge-small-en-v1.5", layers=12, hidden=384, heads=12, intermediate=1536)
"""https://huggingface.co/BAAI/bge-small-en-v1.5/blob/main/config.json"""
TINY = Architecture(name="tiny", layers=2, hidden=32, heads=2, intermediate=64)
"""An architecture for tests: loads in milliseconds through the same code."""

TWINS = {"BAAI/bge-small-en-v1.5": BGE_SMALL}
"""Architectures by the FastEmbed name of the model that they stand in for."""
