from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from fastembed import TextEmbedding

from membench_backends.base import UnavailableError
from membench_backends.cores import usable_cores
from membench_backends.embedding.engines.onnxruntime import FastEmbedModel, load_model
from membench_backends.embedding.models.architecture import BGE_SMALL, TINY
from membench_backends.embedding.models.cache import twin_folder

BGE = "BAAI/bge-small-en-v1.5"


def ignore(_: str) -> None: ...


def test_a_twin_is_loaded_by_fastembeds_own_class(tiny_model: FastEmbedModel) -> None:
    assert isinstance(tiny_model.text_embedding, TextEmbedding)
    assert (tiny_model.dimensions, tiny_model.weights, tiny_model.threads) == (TINY.hidden, "twin", 1)


def test_vectors_are_unit_float32_and_in_order(tiny_model: FastEmbedModel, texts: list[str]) -> None:
    vectors = tiny_model.embed(texts)
    assert vectors.shape == (len(texts), TINY.hidden)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(tiny_model.embed(texts[::-1]), vectors[::-1], atol=1e-5)
    np.testing.assert_allclose(tiny_model.embed(texts, batch_size=3), vectors, atol=1e-5)
    assert len({vector.tobytes() for vector in vectors.round(4)}) == len(texts)


def test_an_empty_list_gives_no_vectors(tiny_model: FastEmbedModel) -> None:
    assert tiny_model.embed([]).shape == (0, TINY.hidden)


def test_a_text_beyond_the_maximum_length_is_truncated(tiny_model: FastEmbedModel) -> None:
    assert tiny_model.embed(["memory " * 2000]).shape == (1, TINY.hidden)


def test_several_threads_can_embed_at_the_same_time(tiny_model: FastEmbedModel, texts: list[str]) -> None:
    expected = tiny_model.embed(texts)
    with ThreadPoolExecutor(8) as threads:
        for vectors in threads.map(lambda _: tiny_model.embed(texts), range(64)):
            np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_a_long_list_starts_no_process(tiny_model: FastEmbedModel) -> None:
    before = psutil.Process().children(recursive=True)
    tiny_model.embed(["memory"] * 600)
    assert psutil.Process().children(recursive=True) == before


def test_the_full_twin_gives_the_same_vectors_in_batches_and_one_by_one(
    full_model_folder: Path, texts: list[str]
) -> None:
    model = load_model(str(full_model_folder), 2, ignore)
    assert model.dimensions == BGE_SMALL.hidden
    one_by_one = np.stack([model.embed([text])[0] for text in texts])
    np.testing.assert_allclose(model.embed(texts), one_by_one, atol=1e-5)


def test_a_folder_with_only_the_unfused_graph_loads(tmp_path: Path, tiny_model_folder: Path) -> None:
    folder = tmp_path / "unfused"
    folder.mkdir()
    for name in ("model.onnx", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_model_folder / name, folder)
    model = load_model(str(folder), 1, ignore)
    assert (model.dimensions, model.weights) == (TINY.hidden, "real")


def test_the_twin_of_a_model_without_weights_is_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(load_model.__globals__["twin_of"].__globals__["TWINS"], BGE, TINY)
    stages: list[str] = []
    assert load_model(BGE, None, stages.append).weights == "twin"
    assert stages == [f"building the speed twin of {BGE}, once", f"loading {BGE}"]
    assert twin_folder(TINY).is_dir()
    stages.clear()
    assert load_model(BGE, None, stages.append).dimensions == TINY.hidden
    assert stages == [f"loading {BGE}"]


def test_threads_default_to_the_usable_cores(tiny_model_folder: Path) -> None:
    model = load_model(str(tiny_model_folder), None, ignore)
    assert model.threads == usable_cores()


def test_threads_stay_within_the_processor_affinity(tiny_model_folder: Path) -> None:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        before = {int(task.name) for task in Path("/proc/self/task").iterdir()}
        model = load_model(str(tiny_model_folder), None, ignore)
        added = {int(task.name) for task in Path("/proc/self/task").iterdir()} - before
        assert model.threads == 1
        assert all(os.sched_getaffinity(thread) == {min(allowed)} for thread in added)
    finally:
        os.sched_setaffinity(0, allowed)


def test_a_missing_model_names_the_command_that_downloads_it() -> None:
    with pytest.raises(UnavailableError, match="models pull --model thenlper/gte-base"):
        load_model("thenlper/gte-base", None, ignore)


def test_an_invalid_graph_file_is_reported(tmp_path: Path, tiny_model_folder: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(tiny_model_folder, folder, ignore=shutil.ignore_patterns("membench.json"))
    (folder / "model_optimized.onnx").write_bytes(b"not a graph")
    with pytest.raises(UnavailableError, match="does not load from") as error:
        load_model(str(folder), 1, ignore)
    assert "\n" not in str(error.value)
