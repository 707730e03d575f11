"""What weights are on this machine: read by the console before a run, so it imports nothing heavy."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import msgspec
import platformdirs

from membench_backends.embedding.models.architecture import TWINS, Architecture
from membench_backends.embedding.models.sources import SOURCES, Source, source_of

Weights = Literal["real", "twin"]

MANIFEST = "membench.json"
"""Says in a model's folder what its weights are and how large its files must be."""
MODEL_FILES = ("model_optimized.onnx", "model.onnx")
"""The graph to run, the better one first."""
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")


class WeightsOnDisk(msgspec.Struct, frozen=True):
    """What a run of a model would use."""

    weights: Weights | None
    """None when the model cannot be run; `note` says why."""
    folder: Path | None
    """Where the files are, or will be."""
    size_mb: float | None
    """Megabytes (10^6 bytes) of the graph files, there or expected."""
    ready: bool
    """The files are there; a twin that is not is built by the first run."""
    note: str
    """One line for a person."""


def weights_on_disk(model: str) -> WeightsOnDisk:
    """What a model's name, or a folder, stands for on this machine; no network is asked."""
    source = source_of(model)
    if source is None:
        return _in_folder(Path(model).expanduser())
    real = real_weights(model)
    if real is not None:
        return WeightsOnDisk(
            "real", real, _size_mb(_graphs(real, source)), True, "real weights, from FastEmbed's cache"
        )
    architecture = twin_of(model)
    if architecture is not None:
        return _twin(architecture)
    return _unavailable(
        f"the weights of {model} are not on this machine, and it has no speed twin; "
        f"fetch them: membench-tui models pull --model {model}"
    )


def real_weights(model_name: str) -> Path | None:
    """The folder in FastEmbed's cache that holds a model, complete; None if there is none."""
    source = source_of(model_name)
    if source is None:
        return None
    return next((folder for folder in _places(model_name, source) if _is_whole(folder, source)), None)


def twin_of(model_name: str) -> Architecture | None:
    """The architecture of the twin that may stand in for a model."""
    return next((twin for name, twin in TWINS.items() if name.lower() == model_name.lower()), None)


def twin_folder(architecture: Architecture) -> Path:
    """Where the twin of an architecture is kept, built or not."""
    return twins_folder() / architecture.key


def twins_folder() -> Path:
    """Where twins are kept."""
    return cache_folder() / "twins"


def cache_folder() -> Path:
    """Where files are kept that can be made again; XDG_CACHE_HOME moves it."""
    return platformdirs.user_cache_path("membench-tui")


def fastembed_cache() -> Path:
    """Where FastEmbed keeps what it downloads; FASTEMBED_CACHE_PATH moves it."""
    return Path(os.getenv("FASTEMBED_CACHE_PATH", Path(tempfile.gettempdir()) / "fastembed_cache"))


def is_complete(folder: Path) -> bool:
    """Whether a folder holds what its manifest lists, every file of the right size; no manifest, not complete."""
    try:
        files = json.loads((folder / MANIFEST).read_bytes())["files"]
        return bool(files) and all((folder / name).stat().st_size == size for name, size in files.items())
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return False


def _twin(architecture: Architecture) -> WeightsOnDisk:
    folder = twin_folder(architecture)
    if is_complete(folder):
        return WeightsOnDisk("twin", folder, _size_mb(folder.glob("*.onnx")), True, "speed twin, cached")
    expected_mb = architecture.parameters * 4 * len(MODEL_FILES) / 1e6
    note = f"speed twin, will be built once: {expected_mb:.0f} MB, a few seconds"
    return WeightsOnDisk("twin", folder, expected_mb, False, note)


def _in_folder(folder: Path) -> WeightsOnDisk:
    if not folder.is_dir():
        return _unavailable(_no_such_model(str(folder)))
    graph = next((folder / name for name in MODEL_FILES if (folder / name).is_file()), None)
    missing = [name for name in _TOKENIZER_FILES if not (folder / name).is_file()]
    if graph is None:
        missing.insert(0, " or ".join(MODEL_FILES))
    if graph is None or missing:
        return _unavailable(f"the model folder {folder} lacks {', '.join(missing)}", folder)
    manifest = _manifest(folder)
    if manifest and not is_complete(folder):
        return _unavailable(f"the files in {folder} are not those that its {MANIFEST} lists", folder)
    weights: Weights = "twin" if manifest.get("weights") == "twin" else "real"
    words = "speed twin" if weights == "twin" else "real weights"
    return WeightsOnDisk(weights, folder, _size_mb([graph]), True, f"{words}, from {folder}")


def _no_such_model(name: str) -> str:
    nearest = get_close_matches(name, SOURCES, n=1, cutoff=0.5)
    hint = f"; did you mean {nearest[0]}?" if nearest else ""
    return f"{name} is neither a folder nor a text model of FastEmbed{hint}"


def _unavailable(note: str, folder: Path | None = None) -> WeightsOnDisk:
    return WeightsOnDisk(None, folder, None, False, note)


def _manifest(folder: Path) -> dict[str, Any]:
    """A folder's manifest; one that cannot be read lists nothing, and so is not fulfilled."""
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        content = None
    return content if isinstance(content, dict) else {"files": {}}


def _places(model_name: str, source: Source) -> Iterator[Path]:
    """Every folder in which some version of FastEmbed would have put a model: from the hub, or as a tarball."""
    cache = fastembed_cache()
    wanted = f"models--{source.repository.replace('/', '--')}".lower()
    for repository in sorted(cache.glob("models--*")):
        if repository.name.lower() == wanted:
            yield from _snapshot(repository)
    short = model_name.rpartition("/")[2]
    yield cache / f"fast-{short}"
    yield cache / short


def _snapshot(repository: Path) -> Iterator[Path]:
    try:
        yield repository / "snapshots" / (repository / "refs" / "main").read_text().strip()
    except OSError:
        return


def _is_whole(folder: Path, source: Source) -> bool:
    """Whether all files are there and, where FastEmbed noted their sizes, of the size noted."""
    names = [source.model_file, *_TOKENIZER_FILES]
    if source.data_file:
        names.append(source.data_file)
    noted = _noted_sizes(folder)
    return all(_has_size(folder / name, noted.get(name)) for name in names)


def _has_size(path: Path, size: int | None) -> bool:
    return path.is_file() and size in (None, path.stat().st_size)


def _noted_sizes(snapshot: Path) -> dict[str, int]:
    """Sizes by a file's name, from the notes that FastEmbed keeps beside its snapshots."""
    prefix = f"snapshots/{snapshot.name}/"
    try:
        notes = json.loads((snapshot.parent.parent / "files_metadata.json").read_bytes())
        return {name.removeprefix(prefix): note["size"] for name, note in notes.items() if name.startswith(prefix)}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _graphs(folder: Path, source: Source) -> list[Path]:
    return [folder / name for name in (source.model_file, source.data_file) if name]


def _size_mb(paths: Iterable[Path]) -> float:
    return sum(path.stat().st_size for path in paths) / 1e6
