"""A model in int8: made once, close to fp32, and loaded like any other."""

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


def load(folder: Path, precision: str = "int8", said: list[str] | None = None) -> FastEmbedModel:
    return load_model(str(folder), 1, (said if said is not None else []).append, precision)  # type: ignore[arg-type]


def made() -> list[Path]:
    return [path for path in (cache_folder() / "int8").iterdir() if not path.name.startswith(".")]


def operators(graph: Path) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load(str(graph)).graph.node)


def cosines(one: FastEmbedModel, other: FastEmbedModel, texts: list[str]) -> np.ndarray:
    return np.einsum("ij,ij->i", one.embed(texts, batch_size=1), other.embed(texts, batch_size=1))


@pytest.fixture
def real_folder(tiny_model_folder: Path, tmp_path: Path) -> Path:
    """The tiny twin as somebody's own model: nothing says that its weights are random."""
    folder = tmp_path / "mine"
    shutil.copytree(tiny_model_folder, folder)
    (folder / MANIFEST).unlink()
    return folder


def test_vectors_are_close_to_fp32_and_no_copy_of_it(
    tiny_model_folder: Path, tiny_model: FastEmbedModel, texts: list[str]
) -> None:
    model = load(tiny_model_folder)

    assert cosines(model, tiny_model, texts).min() > 0.999
    assert (model.embed(texts) != tiny_model.embed(texts)).any()


def test_every_product_with_weights_is_in_whole_numbers(tiny_model_folder: Path) -> None:
    load(tiny_model_folder)

    (folder,) = made()
    found = operators(folder / "model_optimized.onnx")
    # Of the eight products of a layer, two are of activations with each other.
    assert found["DynamicQuantizeMatMul"] + found["MatMulIntegerToFloat"] == 2 * 6
    assert sorted(path.name for path in folder.glob("*.onnx")) == ["model_optimized.onnx"]


def test_it_is_made_once_and_says_so(tiny_model_folder: Path) -> None:
    said: list[str] = []
    load(tiny_model_folder, said=said)
    load(tiny_model_folder, said=said)

    assert said.count(f"quantising {tiny_model_folder} to int8, once") == 1
    assert all(map(is_complete, made()))


def test_a_damaged_one_is_made_again(tiny_model_folder: Path) -> None:
    load(tiny_model_folder)
    (folder,) = made()
    (folder / "model_optimized.onnx").write_bytes(b"")

    load(tiny_model_folder)

    assert is_complete(folder)


def test_another_graph_of_the_same_name_is_another_model(real_folder: Path) -> None:
    load(real_folder)
    graph = real_folder / "model.onnx"
    graph.write_bytes(graph.read_bytes())
    load(real_folder)

    assert len(made()) == 2


def test_nothing_is_written_beside_the_model(real_folder: Path) -> None:
    before = sorted(real_folder.iterdir())
    load(real_folder)

    assert sorted(real_folder.iterdir()) == before


def test_real_weights_are_compared_with_fp32_and_a_twin_is_not(real_folder: Path, tiny_model_folder: Path) -> None:
    cosine = load(real_folder).precision_cosine

    assert cosine == pytest.approx(1, abs=1e-3)
    assert load(real_folder).precision_cosine == cosine
    assert load(real_folder, "fp32").precision_cosine is None
    assert load(tiny_model_folder).precision_cosine is None


def test_a_fused_graph_is_quantised_where_there_is_no_other(
    real_folder: Path, tiny_model: FastEmbedModel, texts: list[str]
) -> None:
    (real_folder / "model.onnx").unlink()

    assert cosines(load(real_folder), tiny_model, texts).min() > 0.999
    assert operators(made()[0] / "model_optimized.onnx")["QAttention"] == 2


def test_a_graph_in_16_bit_floats_is_quantised(real_folder: Path, tiny_model: FastEmbedModel, texts: list[str]) -> None:
    (real_folder / "model.onnx").unlink()
    graph = real_folder / "model_optimized.onnx"
    onnx.save(convert_float_to_float16(onnx.load(str(graph)), keep_io_types=True), str(graph))

    assert cosines(load(real_folder), tiny_model, texts).min() > 0.999
    assert operators(made()[0] / "model_optimized.onnx")["QAttention"] == 2


def test_what_is_quantised_already_is_refused_in_one_line(real_folder: Path) -> None:
    load(real_folder)
    shutil.copyfile(made()[0] / "model_optimized.onnx", real_folder / "model.onnx")

    with pytest.raises(UnavailableError, match=r"cannot be quantised .*use --precision fp32") as caught:
        load(real_folder)
    assert "\n" not in str(caught.value)
    assert len(made()) == 1


def test_a_cache_that_cannot_be_written_is_named(
    tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    with pytest.raises(UnavailableError, match=r"cannot be written to .*XDG_CACHE_HOME"):
        load(tiny_model_folder)
    assert json.loads((tiny_model_folder / MANIFEST).read_text())["weights"] == "twin"
