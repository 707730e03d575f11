"""Tests of int8 models: quantised once, close to fp32, and loaded like any other model."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnxruntime.transformers.float16 import convert_float_to_float16

from membench_backends.base import UnavailableError
from membench_backends.embedding.engines.onnxruntime import FastEmbedModel, load_model
from membench_backends.embedding.models.cache import MANIFEST, cache_folder, is_complete


def load(folder: Path, precision: str = "int8", progress: list[str] | None = None) -> FastEmbedModel:
    return load_model(str(folder), 1, (progress if progress is not None else []).append, precision)  # type: ignore[arg-type]


def cached_folders() -> list[Path]:
    return [path for path in (cache_folder() / "int8").iterdir() if not path.name.startswith(".")]


def operators(graph: Path) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load(str(graph)).graph.node)


def cosines(model: FastEmbedModel, reference: FastEmbedModel, texts: list[str]) -> np.ndarray:
    return np.einsum("ij,ij->i", model.embed(texts, batch_size=1), reference.embed(texts, batch_size=1))


@pytest.fixture
def real_folder(tiny_model_folder: Path, tmp_path: Path) -> Path:
    """Return a copy of the tiny twin that counts as a user's own model, because it has no manifest."""
    folder = tmp_path / "mine"
    shutil.copytree(tiny_model_folder, folder)
    (folder / MANIFEST).unlink()
    return folder


def test_vectors_are_close_to_fp32_but_not_equal(
    tiny_model_folder: Path, tiny_model: FastEmbedModel, texts: list[str]
) -> None:
    model = load(tiny_model_folder)

    assert cosines(model, tiny_model, texts).min() > 0.999
    assert (model.embed(texts) != tiny_model.embed(texts)).any()


def test_every_product_with_weights_is_in_integers(tiny_model_folder: Path) -> None:
    load(tiny_model_folder)

    (folder,) = cached_folders()
    counts = operators(folder / "model_optimized.onnx")
    # Two of the eight products in a layer multiply activations with each other.
    assert counts["DynamicQuantizeMatMul"] + counts["MatMulIntegerToFloat"] == 2 * 6
    assert sorted(path.name for path in folder.glob("*.onnx")) == ["model_optimized.onnx"]


def test_a_model_is_quantised_once_and_reports_it(tiny_model_folder: Path) -> None:
    progress: list[str] = []
    load(tiny_model_folder, progress=progress)
    load(tiny_model_folder, progress=progress)

    assert progress.count(f"quantising {tiny_model_folder} to int8, once") == 1
    assert all(map(is_complete, cached_folders()))


def test_a_damaged_model_is_quantised_again(tiny_model_folder: Path) -> None:
    load(tiny_model_folder)
    (folder,) = cached_folders()
    graph = folder / "model_optimized.onnx"
    content = graph.read_bytes()
    graph.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    progress: list[str] = []
    load(tiny_model_folder, progress=progress)

    assert is_complete(folder) and graph.read_bytes() == content
    assert progress.count(f"{tiny_model_folder} in int8 is damaged; quantising it again") == 1


def test_a_changed_graph_of_the_same_name_is_quantised_again(real_folder: Path) -> None:
    load(real_folder)
    graph = real_folder / "model.onnx"
    graph.write_bytes(graph.read_bytes())
    load(real_folder)

    assert len(cached_folders()) == 2


def test_the_folder_of_the_model_is_not_changed(real_folder: Path) -> None:
    before = sorted(real_folder.iterdir())
    load(real_folder)

    assert sorted(real_folder.iterdir()) == before


def test_only_real_weights_are_compared_with_fp32(real_folder: Path, tiny_model_folder: Path) -> None:
    cosine = load(real_folder).precision_cosine

    assert cosine == pytest.approx(1, abs=1e-3)
    assert load(real_folder).precision_cosine == cosine
    assert load(real_folder, "fp32").precision_cosine is None
    assert load(tiny_model_folder).precision_cosine is None


def test_a_fused_graph_is_quantised_if_there_is_no_unfused_one(
    real_folder: Path, tiny_model: FastEmbedModel, texts: list[str]
) -> None:
    (real_folder / "model.onnx").unlink()

    assert cosines(load(real_folder), tiny_model, texts).min() > 0.999
    assert operators(cached_folders()[0] / "model_optimized.onnx")["QAttention"] == 2


def test_a_graph_in_16_bit_floats_is_quantised(real_folder: Path, tiny_model: FastEmbedModel, texts: list[str]) -> None:
    (real_folder / "model.onnx").unlink()
    graph = real_folder / "model_optimized.onnx"
    onnx.save(convert_float_to_float16(onnx.load(str(graph)), keep_io_types=True), str(graph))

    assert cosines(load(real_folder), tiny_model, texts).min() > 0.999
    assert operators(cached_folders()[0] / "model_optimized.onnx")["QAttention"] == 2


def test_a_graph_that_is_already_quantised_is_refused_in_one_line(real_folder: Path) -> None:
    load(real_folder)
    shutil.copyfile(cached_folders()[0] / "model_optimized.onnx", real_folder / "model.onnx")

    with pytest.raises(UnavailableError, match=r"cannot be quantised .*use --precision fp32") as caught:
        load(real_folder)
    assert "\n" not in str(caught.value)
    assert len(cached_folders()) == 1


def test_a_cache_that_cannot_be_written_to_is_named(
    tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    with pytest.raises(UnavailableError, match=r"cannot be written to .*XDG_CACHE_HOME"):
        load(tiny_model_folder)
    assert json.loads((tiny_model_folder / MANIFEST).read_text())["weights"] == "twin"
