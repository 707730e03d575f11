"""The shapes that a speed twin can have, and the key its files are cached under; light enough for the console."""

from __future__ import annotations

import hashlib
import json

import msgspec

SEED = 20_251_210
"""Seed of a twin's weights."""
BUILDER = 1
"""Raise when `twin.py` writes other files for the same architecture: caches built before are then left alone."""


class Architecture(msgspec.Struct, frozen=True):
    """The dimensions of a BERT encoder."""

    name: str
    """Of the architecture, for people."""
    layers: int
    hidden: int
    """Width of a token's vector, and so length of an embedding."""
    heads: int
    intermediate: int
    """Width inside the feed-forward block."""
    vocabulary: int = 30_522
    positions: int = 512
    """Longest input in tokens, [CLS] and [SEP] included."""
    token_types: int = 2

    @property
    def parameters(self) -> int:
        """How many weights the encoder has, without the pooler, which an embedding does not need."""
        embeddings = (self.vocabulary + self.positions + self.token_types) * self.hidden
        attention = 4 * self.hidden * (self.hidden + 1)
        feed_forward = 2 * self.hidden * self.intermediate + self.hidden + self.intermediate
        normalisation = 2 * self.hidden
        return embeddings + normalisation + self.layers * (attention + feed_forward + 2 * normalisation)

    def flop(self, tokens: int) -> int:
        """Floating-point operations of one text of so many tokens, a multiply-add being two; matrix products only.

        A token meets four matrices of hidden x hidden and two of hidden x intermediate in each layer, and in attention
        every other token twice.
        """
        matrices = 8 * self.hidden * self.hidden + 4 * self.hidden * self.intermediate
        attention = 4 * self.hidden * tokens
        return self.layers * tokens * (matrices + attention)

    @property
    def key(self) -> str:
        """Names the twin's content: the same for the same architecture, seed and builder, on every machine."""
        content = json.dumps([msgspec.structs.asdict(self), SEED, BUILDER], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


BGE_SMALL = Architecture(name="bge-small-en-v1.5", layers=12, hidden=384, heads=12, intermediate=1536)
"""https://huggingface.co/BAAI/bge-small-en-v1.5/blob/main/config.json"""
TINY = Architecture(name="tiny", layers=2, hidden=32, heads=2, intermediate=64)
"""For tests: loads in milliseconds and goes through the same code."""

TWINS = {"BAAI/bge-small-en-v1.5": BGE_SMALL}
"""FastEmbed model names that have a twin."""
