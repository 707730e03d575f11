from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fastembed import TextEmbedding

from membench_backends.embedding.models.architecture import BGE_SMALL
from membench_backends.embedding.models.cache import cache_folder, real_weights, twin_folder, weights_on_disk
from membench_backends.embedding.models.sources import SOURCES

BGE = "BAAI/bge-small-en-v1.5"
REVISION = "5a1f0c"


@pytest.fixture
def fastembed_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "fastembed"
    folder.mkdir()
    return folder


def put_snapshot(cache: Path, model_folder: Path, repository: str = "qdrant--bge-small-en-v1.5-onnx-q") -> Path:
    """Create the files that FastEmbed leaves in its cache after a download from the hub."""
    root = cache / f"models--{repository}"
    snapshot = root / "snapshots" / REVISION
    shutil.copytree(model_folder, snapshot)
    (snapshot / "membench.json").unlink()
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(REVISION)
    sizes = {f"snapshots/{REVISION}/{path.name}": {"size": path.stat().st_size} for path in snapshot.iterdir()}
    (root / "files_metadata.json").write_text(json.dumps(sizes))
    return snapshot


def test_sources_match_those_of_fastembed() -> None:
    supported = {model.model: model for model in TextEmbedding._list_supported_models()}
    for name, source in SOURCES.items():
        description = supported[name]
        assert source.repository == description.sources.hf
        assert source.model_file == description.model_file
        assert ([source.data_file] if source.data_file else []) == description.additional_files


def test_the_cache_folder_follows_xdg_cache_home(tmp_path: Path) -> None:
    assert cache_folder() == tmp_path / "cache" / "membench-tui"


@pytest.mark.parametrize("repository", ["Qdrant--bge-small-en-v1.5-onnx-Q", "qdrant--bge-small-en-v1.5-onnx-q"])
def test_real_weights_are_found_in_a_hub_snapshot(
    fastembed_folder: Path, tiny_model_folder: Path, repository: str
) -> None:
    snapshot = put_snapshot(fastembed_folder, tiny_model_folder, repository)
    assert real_weights(BGE) == snapshot
    on_disk = weights_on_disk(BGE.lower())
    assert (on_disk.weights, on_disk.folder, on_disk.ready) == ("real", snapshot, True)


def test_real_weights_are_found_in_an_unpacked_tarball(fastembed_folder: Path, tiny_model_folder: Path) -> None:
    unpacked = fastembed_folder / "fast-bge-small-en-v1.5"
    shutil.copytree(tiny_model_folder, unpacked)
    assert real_weights(BGE) == unpacked


@pytest.mark.parametrize("name", ["model_optimized.onnx", "tokenizer.json"])
def test_an_incomplete_download_is_ignored(fastembed_folder: Path, tiny_model_folder: Path, name: str) -> None:
    snapshot = put_snapshot(fastembed_folder, tiny_model_folder)
    (snapshot / name).unlink()
    assert real_weights(BGE) is None


def test_a_download_with_a_truncated_file_is_ignored(fastembed_folder: Path, tiny_model_folder: Path) -> None:
    snapshot = put_snapshot(fastembed_folder, tiny_model_folder)
    (snapshot / "model_optimized.onnx").write_bytes(b"half")
    assert real_weights(BGE) is None


def test_a_model_without_real_weights_uses_a_twin() -> None:
    on_disk = weights_on_disk(BGE)
    assert (on_disk.weights, on_disk.folder, on_disk.ready) == ("twin", twin_folder(BGE_SMALL), False)
    assert on_disk.note == "speed twin, will be built once: 266 MB, a few seconds"


def test_a_cached_twin_is_ready(tiny_model_folder: Path) -> None:
    shutil.copytree(tiny_model_folder, twin_folder(BGE_SMALL))
    on_disk = weights_on_disk(BGE)
    assert (on_disk.weights, on_disk.ready, on_disk.note) == ("twin", True, "speed twin, cached")


def test_a_model_without_weights_or_twin_names_the_command_that_downloads_it() -> None:
    on_disk = weights_on_disk("thenlper/gte-base")
    assert (on_disk.weights, on_disk.ready) == (None, False)
    assert "membench-tui models pull --model thenlper/gte-base" in on_disk.note


def test_a_misspelt_model_name_gets_a_suggestion() -> None:
    assert weights_on_disk("BAAI/bge-smal-en-v1.5").note.endswith(f"did you mean {BGE}?")


def test_missing_files_of_a_folder_are_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").touch()
    on_disk = weights_on_disk(str(tmp_path))
    assert on_disk.weights is None
    assert on_disk.note.endswith("lacks model_optimized.onnx or model.onnx, tokenizer_config.json")


def test_a_folder_without_a_manifest_has_real_weights(tmp_path: Path, tiny_model_folder: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(tiny_model_folder, folder)
    assert weights_on_disk(str(folder)).weights == "twin"
    (folder / "membench.json").unlink()
    assert weights_on_disk(str(folder)).weights == "real"


def test_a_folder_with_a_damaged_file_is_refused(tmp_path: Path, tiny_model_folder: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(tiny_model_folder, folder)
    (folder / "model.onnx").write_bytes(b"half")
    assert weights_on_disk(str(folder)).weights is None


def test_looking_for_weights_imports_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from membench_backends.embedding.models.cache import weights_on_disk\n"
        "from membench_backends.embedding.strategies.catalogue import STRATEGIES, option_fields, parse_options\n"
        "weights_on_disk('BAAI/bge-small-en-v1.5')\n"
        "for name in STRATEGIES: option_fields(name), parse_options(name, {})\n"
        "print(sorted({'numpy', 'onnx', 'onnxruntime', 'fastembed', 'tokenizers', 'psutil'} & set(sys.modules)))\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
