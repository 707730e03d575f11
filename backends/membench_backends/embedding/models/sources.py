"""The repositories that FastEmbed downloads models from, listed here so that the console need not import FastEmbed."""

from __future__ import annotations

from typing import NamedTuple


class Source(NamedTuple):
    """A repository of the Hugging Face hub, and the files of the model in it."""

    repository: str
    model_file: str
    data_file: str | None = None
    """The weights, if they are not in the model file itself."""


SOURCES: dict[str, Source] = {
    "BAAI/bge-base-en": Source("Qdrant/fast-bge-base-en", "model_optimized.onnx"),
    "BAAI/bge-base-en-v1.5": Source("Qdrant/bge-base-en-v1.5-onnx-Q", "model_optimized.onnx"),
    "BAAI/bge-large-en-v1.5": Source("Qdrant/bge-large-en-v1.5-onnx", "model.onnx"),
    "BAAI/bge-small-en": Source("Qdrant/bge-small-en", "model_optimized.onnx"),
    "BAAI/bge-small-en-v1.5": Source("Qdrant/bge-small-en-v1.5-onnx-Q", "model_optimized.onnx"),
    "BAAI/bge-small-zh-v1.5": Source("Qdrant/bge-small-zh-v1.5", "model_optimized.onnx"),
    "mixedbread-ai/mxbai-embed-large-v1": Source("mixedbread-ai/mxbai-embed-large-v1", "onnx/model.onnx"),
    "snowflake/snowflake-arctic-embed-xs": Source("Snowflake/snowflake-arctic-embed-xs", "onnx/model.onnx"),
    "snowflake/snowflake-arctic-embed-s": Source("Snowflake/snowflake-arctic-embed-s", "onnx/model.onnx"),
    "snowflake/snowflake-arctic-embed-m": Source("Snowflake/snowflake-arctic-embed-m", "onnx/model.onnx"),
    "snowflake/snowflake-arctic-embed-m-long": Source("Snowflake/snowflake-arctic-embed-m-long", "onnx/model.onnx"),
    "snowflake/snowflake-arctic-embed-l": Source("Snowflake/snowflake-arctic-embed-l", "onnx/model.onnx"),
    "jinaai/jina-clip-v1": Source("jinaai/jina-clip-v1", "onnx/text_model.onnx"),
    "Qdrant/stella-en-400M-v5-doc-onnx": Source("Qdrant/stella-en-400M-v5-doc-onnx", "model.onnx"),
    "sentence-transformers/all-MiniLM-L6-v2": Source("Qdrant/all-MiniLM-L6-v2-onnx", "model.onnx"),
    "jinaai/jina-embeddings-v2-base-en": Source("Xenova/jina-embeddings-v2-base-en", "onnx/model.onnx"),
    "jinaai/jina-embeddings-v2-small-en": Source("Xenova/jina-embeddings-v2-small-en", "onnx/model.onnx"),
    "jinaai/jina-embeddings-v2-base-de": Source("jinaai/jina-embeddings-v2-base-de", "onnx/model.onnx"),
    "jinaai/jina-embeddings-v2-base-code": Source("jinaai/jina-embeddings-v2-base-code", "onnx/model.onnx"),
    "jinaai/jina-embeddings-v2-base-zh": Source("jinaai/jina-embeddings-v2-base-zh", "onnx/model.onnx"),
    "jinaai/jina-embeddings-v2-base-es": Source("jinaai/jina-embeddings-v2-base-es", "onnx/model.onnx"),
    "thenlper/gte-base": Source("thenlper/gte-base", "onnx/model.onnx"),
    "thenlper/gte-large": Source("Qdrant/gte-large-onnx", "model.onnx"),
    "nomic-ai/nomic-embed-text-v1.5": Source("nomic-ai/nomic-embed-text-v1.5", "onnx/model.onnx"),
    "nomic-ai/nomic-embed-text-v1.5-Q": Source("nomic-ai/nomic-embed-text-v1.5", "onnx/model_quantized.onnx"),
    "nomic-ai/nomic-embed-text-v1": Source("nomic-ai/nomic-embed-text-v1", "onnx/model.onnx"),
    "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2": Source(
        "Qdrant/paraphrase-multilingual-MiniLM-L12-v2-onnx-Q", "model_optimized.onnx"
    ),
    "sentence-transformers/paraphrase-multilingual-mpnet-base-v2": Source(
        "Xenova/paraphrase-multilingual-mpnet-base-v2", "onnx/model.onnx"
    ),
    "intfloat/multilingual-e5-large": Source("Qdrant/multilingual-e5-large-onnx", "model.onnx", "model.onnx_data"),
    "jinaai/jina-embeddings-v3": Source("jinaai/jina-embeddings-v3", "onnx/model.onnx", "onnx/model.onnx_data"),
    "google/embeddinggemma-300m": Source(
        "onnx-community/embeddinggemma-300m-ONNX", "onnx/model.onnx", "onnx/model.onnx_data"
    ),
    "ibm-granite/granite-embedding-small-english-r2": Source(
        "onnx-community/granite-embedding-small-english-r2-ONNX", "onnx/model.onnx", "onnx/model.onnx_data"
    ),
    "Qwen/Qwen3-Embedding-0.6B": Source("Qdrant/Qwen3-Embedding-0.6B-onnx", "onnx/model.onnx", "onnx/model.onnx_data"),
    "Qwen/Qwen3-Embedding-0.6B-Q": Source("Qdrant/Qwen3-Embedding-0.6B-onnx", "onnx/model_quantized.onnx"),
}
"""FastEmbed's transformer text models, by FastEmbed's name (as of FastEmbed 0.9.1)."""


def source_of(name: str) -> Source | None:
    """Return the source of a model, or None if FastEmbed does not have it; ignores case, as FastEmbed does."""
    return next((source for known, source in SOURCES.items() if known.lower() == name.lower()), None)
