"""What the commands list of this machine: names for plans, model weights, and the doctor's findings."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("measures")


def test_the_speed_twin_is_built_where_the_output_says(membench, own_folders):
    done = membench("models", "twin")
    folder = Path(done.out.strip().rpartition(": ")[2])

    assert done.out.startswith("twin weights of BAAI/bge-small-en-v1.5: ")
    assert folder.parent == own_folders / "cache" / "membench-tui" / "twins"
    assert (folder / "model_optimized.onnx").stat().st_size > 100e6
    assert "speed twin, cached" in membench("models").out
    for graph in folder.glob("*.onnx"):
        graph.unlink()


def test_only_known_models_have_a_twin(membench):
    done = membench("models", "twin", "--model", "BAAI/bge-base-en", code=1)

    assert done.error == "BAAI/bge-base-en has no speed twin; speed twins exist for BAAI/bge-small-en-v1.5"


def test_a_pull_without_a_network_is_one_line(membench, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    done = membench("models", "pull", code=1)

    assert "http://127.0.0.1:9 cannot be reached" in done.error
    assert done.out == ""


def test_list_names_everything(membench):
    out = membench("list").out
    words = out.split()

    for heading in ("SCENARIOS", "BACKENDS", "STRATEGIES", "STORES", "MODELS"):
        assert heading in words
    assert "Option history=as-shipped (one of as-shipped, together)." in " ".join(words)
    for name in ("single-add", "store-only", "mem0", "agentmem", "null", "queue", "pool", "edge", "local-path"):
        assert name in words


def test_doctor_names_the_machine_and_the_installed_versions(membench):
    done = membench("doctor")

    for word in ("machine", "cores", "CPU governor", "free memory", "open files", "fastembed", "onnxruntime", "model"):
        assert word in done.out
    assert done.err == ""
