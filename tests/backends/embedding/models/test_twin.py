from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from membench_backends.base import UnavailableError
from membench_backends.embedding.engines.onnxruntime import load_model
from membench_backends.embedding.models import cache
from membench_backends.embedding.models.architecture import BGE_SMALL, TINY
from membench_backends.embedding.models.cache import is_complete, is_damaged
from membench_backends.embedding.models.twin import build_twin

BUILD = """
import sys
from pathlib import Path
from membench_backends.embedding.models.architecture import TINY
from membench_backends.embedding.models.twin import build_twin
print(build_twin(TINY, Path(sys.argv[1])))
"""
PAUSE = """
import sys
from membench_backends.embedding.models import twin
original = twin.write_tokenizer
def write_tokenizer(architecture, folder):
    print(folder, flush=True)
    sys.stdin.readline()
    original(architecture, folder)
twin.write_tokenizer = write_tokenizer
"""


def start(script: str, cache: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, str(cache)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def start_and_pause(cache: Path) -> tuple[subprocess.Popen[str], Path]:
    """Start a builder that waits for input once the graphs are written; return it with the folder it writes to."""
    builder = start(PAUSE + BUILD, cache)
    assert builder.stdout is not None
    return builder, Path(builder.stdout.readline().strip())


def operators(graph: Path) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load(str(graph)).graph.node)


def count_weights(graph: Path) -> int:
    """Count the numbers in the graph's matrices and vectors; a scalar is a constant of a formula."""
    tensors = onnx.load(str(graph)).graph.initializer
    return sum(int(np.prod(t.dims)) for t in tensors if t.data_type == onnx.TensorProto.FLOAT and t.dims)


def test_the_architecture_has_the_parameters_of_bge_small() -> None:
    # The published model has 33,360,000, including a pooler that embedding does not use.
    assert BGE_SMALL.parameters == 33_360_000 - 384 * 385


def test_architectures_have_different_keys() -> None:
    assert BGE_SMALL.key != TINY.key


def test_both_graphs_contain_every_parameter(full_model_folder: Path) -> None:
    assert count_weights(full_model_folder / "model.onnx") == BGE_SMALL.parameters
    assert count_weights(full_model_folder / "model_optimized.onnx") == BGE_SMALL.parameters
    manifest = json.loads((full_model_folder / "membench.json").read_text())
    assert (manifest["weights"], manifest["parameters"]) == ("twin", BGE_SMALL.parameters)


def test_every_layer_is_fused(full_model_folder: Path) -> None:
    fused = operators(full_model_folder / "model_optimized.onnx")
    assert fused["Attention"] == BGE_SMALL.layers
    assert fused["BiasGelu"] == BGE_SMALL.layers
    assert fused["SkipLayerNormalization"] == 2 * BGE_SMALL.layers
    assert "Softmax" not in fused


def test_the_graph_to_quantise_is_not_fused(tiny_model_folder: Path) -> None:
    unfused = operators(tiny_model_folder / "model.onnx")
    assert unfused["MatMul"] == TINY.layers * 8
    assert unfused["Softmax"] == TINY.layers
    assert "Attention" not in unfused


def test_both_graphs_compute_the_same_vectors(tiny_model_folder: Path) -> None:
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    inputs = {
        "input_ids": np.array([[101, 2000, 2001, 2002, 102], [101, 3000, 102, 0, 0]]),
        "attention_mask": mask,
        "token_type_ids": np.zeros_like(mask),
    }
    graphs = [tiny_model_folder / name for name in ("model.onnx", "model_optimized.onnx")]
    unfused, fused = (onnxruntime.InferenceSession(str(graph)).run(None, inputs)[0] for graph in graphs)
    assert unfused.shape == (2, 5, TINY.hidden)
    np.testing.assert_allclose(unfused[mask == 1], fused[mask == 1], atol=1e-5)


def test_a_twin_is_built_identically_every_time(tmp_path: Path, tiny_model_folder: Path) -> None:
    rebuilt = build_twin(TINY, tmp_path)
    assert rebuilt.name == tiny_model_folder.name
    for name in ("model.onnx", "tokenizer.json", "membench.json"):
        assert (rebuilt / name).read_bytes() == (tiny_model_folder / name).read_bytes()


def test_a_complete_twin_is_not_rebuilt(tiny_model_folder: Path) -> None:
    before = (tiny_model_folder / "model.onnx").stat()
    assert build_twin(TINY, tiny_model_folder.parent) == tiny_model_folder
    after = (tiny_model_folder / "model.onnx").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_concurrent_builders_all_succeed(tmp_path: Path) -> None:
    builders = [start(BUILD, tmp_path) for _ in range(3)]
    folders = {builder.communicate(timeout=120)[0].strip() for builder in builders}
    assert [builder.returncode for builder in builders] == [0, 0, 0]
    assert folders == {str(tmp_path / TINY.key)}
    assert is_complete(tmp_path / TINY.key)
    assert not list(tmp_path.glob(".building-*"))


def test_a_builder_leaves_the_files_of_another_alone(tmp_path: Path) -> None:
    slower, building = start_and_pause(tmp_path)
    folder = build_twin(TINY, tmp_path)
    assert is_complete(folder)
    assert (building / "model.onnx").exists()
    inode = (folder / "model.onnx").stat().st_ino
    output, _ = slower.communicate("continue\n", timeout=120)
    assert (slower.returncode, output.strip()) == (0, str(folder))
    assert is_complete(folder)
    assert (folder / "model.onnx").stat().st_ino == inode
    assert not building.exists()


def test_a_killed_builder_leaves_no_twin(tmp_path: Path) -> None:
    builder, building = start_and_pause(tmp_path)
    builder.kill()
    builder.communicate(timeout=120)
    assert building.exists()
    assert not (tmp_path / TINY.key).exists()
    assert is_complete(build_twin(TINY, tmp_path))
    assert not building.exists()


@pytest.mark.parametrize("name", ["model_optimized.onnx", "tokenizer.json", "membench.json"])
def test_a_damaged_twin_is_rebuilt(tmp_path: Path, name: str) -> None:
    folder = build_twin(TINY, tmp_path)
    (folder / name).write_bytes(b"{}")
    assert not is_complete(folder)
    assert is_complete(build_twin(TINY, tmp_path))
    assert load_model(str(folder), 1, lambda _: None).dimensions == TINY.hidden
    assert not list(tmp_path.glob(".building-*"))


def flip(path: Path) -> None:
    """Change one bit of a file, and set its size and time back."""
    status, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_flipped_bit_is_found_and_the_twin_is_rebuilt(tmp_path: Path) -> None:
    folder = build_twin(TINY, tmp_path)
    content = (folder / "model_optimized.onnx").read_bytes()
    flip(folder / "model_optimized.onnx")
    assert not is_complete(folder) and is_damaged(folder)
    assert (build_twin(TINY, tmp_path) / "model_optimized.onnx").read_bytes() == content


def test_intact_files_are_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, hashed = build_twin(TINY, tmp_path), []
    sha256 = cache._sha256
    monkeypatch.setattr(cache, "_sha256", lambda path: (hashed.append(path.name), sha256(path))[1])
    assert is_complete(folder) and hashed == []
    (folder / "tokenizer.json").touch()
    assert is_complete(folder) and len(hashed) > 0
    hashed.clear()
    assert is_complete(folder) and hashed == []


def test_what_dead_builders_left_is_removed(tmp_path: Path) -> None:
    build_twin(TINY, tmp_path)
    reused = tmp_path / f".building-{os.getpid()}-x"  # its number belongs to another process now
    reused.mkdir()
    (tmp_path / ".lock").touch()
    build_twin(TINY, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [TINY.key]


def test_a_cache_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError, match=r"file/twins.*XDG_CACHE_HOME"):
        build_twin(TINY, tmp_path / "file" / "twins")
