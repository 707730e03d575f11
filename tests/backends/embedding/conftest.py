"""Models for the tests of embedding: speed twins, built once per session and loaded by FastEmbed's own class."""

from __future__ import annotations

from pathlib import Path

import pytest

from membench_backends.embedding.engines.onnxruntime import FastEmbedModel, load_model
from membench_backends.embedding.models.architecture import BGE_SMALL, TINY
from membench_backends.embedding.models.twin import build_twin


@pytest.fixture(autouse=True)
def own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's own caches out of the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FASTEMBED_CACHE_PATH", str(tmp_path / "fastembed"))


@pytest.fixture(scope="session")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("twins")


@pytest.fixture(scope="session")
def tiny_model_folder(twins: Path) -> Path:
    return build_twin(TINY, twins)


@pytest.fixture(scope="session")
def full_model_folder(twins: Path) -> Path:
    return build_twin(BGE_SMALL, twins)


@pytest.fixture(scope="session")
def tiny_model(tiny_model_folder: Path) -> FastEmbedModel:
    return load_model(str(tiny_model_folder), threads=1, progress=lambda _: None)


@pytest.fixture(scope="session")
def texts() -> list[str]:
    """Return short, long, empty and equally long texts, so that padding and order matter."""
    return [
        "Test memory item 7: This is a test memory for performance benchmarking.",
        "yes",
        "My sister brought her new camera to the lake.",
        "",
        "The owner of the restaurant remembered us, and recommended the fish with lemon and a glass of white wine!",
        "42",
        "A second text that is not the first.",
        "Where did we leave the key of the garden gate?",
    ]
