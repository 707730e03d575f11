"""A model's speed twin: the same architecture with random weights, for a machine without the real ones.

It takes as long as the real model for the same text; what its vectors say about similarity means nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import onnx
import onnxruntime
import psutil

from backends.base import UnavailableError
from backends.embedding.architecture import BUILDER, SEED
from backends.embedding.cache import MANIFEST, is_complete
from backends.embedding.graph import encoder
from backends.embedding.vocabulary import write_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from backends.embedding.architecture import Architecture

_BUILDING = ".building-"


def build_twin(architecture: Architecture, cache: Path) -> Path:
    """The folder of a twin, built now unless it is there and whole.

    `model.onnx` is the unfused graph, `model_optimized.onnx` the one to run. A folder appears complete or not at all,
    whoever else builds the same twin at the same time and whenever a builder is killed.

    Raises:
        UnavailableError: The cache cannot be written.
    """
    folder = cache / architecture.key
    try:
        cache.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(cache)
        if not is_complete(folder):
            _build(architecture, folder)
    except OSError as error:
        reason = error.strerror or error
        raise UnavailableError(
            f"the speed twin cannot be written to {cache}: {reason}; name a folder with 300 MB free in XDG_CACHE_HOME"
        ) from error
    return folder


def _build(architecture: Architecture, folder: Path) -> None:
    building = _workplace(folder.parent)
    try:
        _write_files(architecture, building)
        _publish(building, folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _workplace(cache: Path) -> Path:
    """An empty folder that says whose it is, in the file system of the cache so that it can be renamed into it."""
    return cache / tempfile.mkdtemp(prefix=f"{_BUILDING}{os.getpid()}-", dir=cache)


def _write_files(architecture: Architecture, folder: Path) -> None:
    unfused = folder / "model.onnx"
    onnx.save(encoder(architecture, SEED), str(unfused))
    _optimise(unfused, folder / "model_optimized.onnx")
    write_tokenizer(architecture, folder)
    manifest = {
        "weights": "twin",
        "architecture": asdict(architecture),
        "parameters": architecture.parameters,
        "seed": SEED,
        "builder": BUILDER,
        "files": {path.name: path.stat().st_size for path in sorted(folder.iterdir())},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2))


def _optimise(unfused: Path, optimised: Path) -> None:
    options = onnxruntime.SessionOptions()
    # One level more would lay weights out for this machine's processor.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(optimised)
    options.intra_op_num_threads = 1
    onnxruntime.InferenceSession(str(unfused), options, providers=["CPUExecutionProvider"])


def _publish(building: Path, folder: Path) -> None:
    """Rename into place, over a damaged folder but never over a whole one, which somebody may be loading."""
    with _publishing(folder.parent):
        if is_complete(folder):
            return
        if folder.exists():
            aside = _workplace(folder.parent)
            folder.rename(aside / "damaged")
            shutil.rmtree(aside, ignore_errors=True)
        building.rename(folder)


@contextmanager
def _publishing(cache: Path) -> Iterator[None]:
    """One process at a time; the lock goes when its holder does, however that ends."""
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_leftovers(cache: Path) -> None:
    """Remove what builders that were killed have left; a live one's folder is not touched."""
    for path in cache.glob(f"{_BUILDING}*"):
        owner = path.name.removeprefix(_BUILDING).partition("-")[0]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(path, ignore_errors=True)
