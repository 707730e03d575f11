"""The model files on this machine. The console looks at them before a run, so this module imports nothing heavy."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import msgspec
import platformdirs

from membench_backends.base import did_you_mean
from membench_backends.embedding.models.architecture import TWINS, Architecture
from membench_backends.embedding.models.sources import SOURCES, Source, source_of

Weights = Literal["real", "twin"]

MANIFEST = "membench.json"
"""File in a model's folder that states the kind of weights, and the size and the digest of each file."""
VERIFIED = ".verified"
"""File in a cached folder that states which files were hashed and found intact."""
MODEL_FILES = ("model_optimized.onnx", "model.onnx")
"""Names of the graph file, in order of preference."""
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
_SAMPLES, _SAMPLE_BYTES = 16, 1 << 16
"""A key of files covers this many evenly spaced parts of each, which two models have in common only if they are one."""


class WeightsOnDisk(msgspec.Struct, frozen=True):
    """The weights that a run of a model would use."""

    weights: Weights | None
    """None if the model cannot be run; `note` says why."""
    folder: Path | None
    """Where the files are, or where the first run will build them."""
    ready: bool
    """Whether the files exist. A missing twin is built by the first run."""
    note: str
    """A description in one line, or why the model cannot be run."""


def weights_on_disk(model: str) -> WeightsOnDisk:
    """Return the weights for a model's name or folder on this machine, without using the network."""
    source = source_of(model)
    if source is None:
        return _in_folder(Path(os.path.expanduser(model)))  # unlike Path's, it accepts unknown users
    real = real_weights(model)
    if real is not None:
        return WeightsOnDisk("real", real, True, "real weights, from FastEmbed's cache")
    architecture = twin_of(model)
    if architecture is not None:
        return _twin(architecture)
    return _unavailable(
        f"the weights of {model} are not on this machine, and it has no speed twin; "
        f"download them: membench-tui models pull --model {model}"
    )


def files_key(model: str) -> str | None:
    """Return a key of the content of the files that a run of a model would use; None if it cannot be run.

    A twin's key is that of its architecture, from which it is built, so it need not exist yet.
    """
    weights = weights_on_disk(model)
    if weights.weights is None or weights.folder is None:
        return None
    source = source_of(model)
    if weights.weights == "twin" and source is not None:
        return weights.folder.name
    graphs = (source.model_file, source.data_file) if source else MODEL_FILES
    paths = (weights.folder / name for name in (*graphs, *_TOKENIZER_FILES) if name)
    try:
        keys = [_file_key(path, path.stat().st_size, path.stat().st_mtime_ns) for path in paths if path.is_file()]
    except OSError:
        return None
    return hashlib.sha256(repr(keys).encode()).hexdigest()[:16]


def files_of(model: str) -> list[Path]:
    """Return the files in the folder of the weights that a run of a model would use."""
    weights = weights_on_disk(model)
    if weights.weights is None or weights.folder is None:
        return []
    return [path for pattern in ("*", "*/*") for path in weights.folder.glob(pattern) if path.is_file()]


def cached_files() -> list[Path]:
    """Return the files of the models that were built on this machine."""
    return [path for pattern in ("*/*/*", "*/*/*/*") for path in cache_folder().glob(pattern) if path.is_file()]


def real_weights(model_name: str) -> Path | None:
    """Return the folder in FastEmbed's cache that contains all files of a model; None if there is none."""
    source = source_of(model_name)
    if source is None:
        return None
    return next((folder for folder in _candidates(model_name, source) if _has_all_files(folder, source)), None)


def twin_of(model_name: str) -> Architecture | None:
    """Return the architecture of a model's twin; None if it has no twin."""
    return next((twin for name, twin in TWINS.items() if name.lower() == model_name.lower()), None)


def twin_folder(architecture: Architecture) -> Path:
    """Return the folder for the twin of an architecture, whether or not it has been built."""
    return twins_folder() / architecture.key


def twins_folder() -> Path:
    """Return the cache folder of twins."""
    return cache_folder() / "twins"


def cache_folder() -> Path:
    """Return the folder for files that can be rebuilt; XDG_CACHE_HOME overrides its parent."""
    return platformdirs.user_cache_path("membench-tui")


def fastembed_cache() -> Path:
    """Return FastEmbed's download folder; FASTEMBED_CACHE_PATH overrides it."""
    return Path(os.getenv("FASTEMBED_CACHE_PATH", Path(tempfile.gettempdir()) / "fastembed_cache"))


def is_complete(folder: Path) -> bool:
    """Return whether a cached folder has a manifest and every file that it lists, with the right size and content."""
    return _has_listed_files(folder) and verify(folder, list(_manifest(folder).get("sha256", ())))


def is_damaged(folder: Path) -> bool:
    """Return whether a cached folder exists whose files are not those that were built."""
    return folder.is_dir() and not is_complete(folder)


def verify(folder: Path, names: list[str]) -> bool:
    """Return whether files have the content that the manifest states by their digests; False if it states none.

    Hashing a model takes half a second, so files that were found intact are hashed again only once they have changed.
    """
    try:
        digests = _manifest(folder)["sha256"]
        found = {name: _identity(folder / name) for name in names}
        if found == _verified(folder):
            return True
        if not names or any(_sha256(folder / name) != digests[name] for name in names):
            return False
    except (OSError, TypeError, KeyError, AttributeError):
        return False
    with suppress(OSError):  # a folder that cannot be written to is hashed each time
        (folder / VERIFIED).write_text(json.dumps(found))
    return True


def _has_listed_files(folder: Path) -> bool:
    try:
        files = json.loads((folder / MANIFEST).read_bytes())["files"]
        return bool(files) and all((folder / name).stat().st_size == size for name, size in files.items())
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return False


def _verified(folder: Path) -> Any:
    try:
        return json.loads((folder / VERIFIED).read_bytes())
    except (OSError, ValueError):
        return None


def _identity(path: Path) -> list[int]:
    """Return what changes whenever a file is written to; the time of its last change cannot be set back."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests_of(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the digests of files for a manifest."""
    return {name: _sha256(folder / name) for name in names}


@lru_cache(maxsize=64)
def _file_key(path: Path, size: int, modified_ns: int) -> str:
    """Return a key of a file's name, size and samples of its content; the time of its change is for the cache."""
    digest = hashlib.sha256(f"{path.name} {size}".encode())
    with path.open("rb") as file:
        for sample in range(_SAMPLES):
            file.seek(sample * max(size - _SAMPLE_BYTES, 0) // (_SAMPLES - 1))
            digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def _twin(architecture: Architecture) -> WeightsOnDisk:
    folder = twin_folder(architecture)
    if is_complete(folder):
        return WeightsOnDisk("twin", folder, True, "speed twin, cached")
    again = "is damaged and will be built again" if folder.is_dir() else "will be built once"
    expected_mb = architecture.parameters * 4 * len(MODEL_FILES) / 1e6
    note = f"speed twin, {again}: {expected_mb:.0f} MB, a few seconds"
    return WeightsOnDisk("twin", folder, False, note)


def _in_folder(folder: Path) -> WeightsOnDisk:
    if not folder.is_dir():
        return _unavailable(
            f"{folder} is neither a folder nor a text model of FastEmbed{did_you_mean(str(folder), SOURCES)}"
        )
    graph = next((folder / name for name in MODEL_FILES if (folder / name).is_file()), None)
    missing = [name for name in _TOKENIZER_FILES if not (folder / name).is_file()]
    if graph is None:
        missing.insert(0, " or ".join(MODEL_FILES))
    if graph is None or missing:
        return _unavailable(f"the model folder {folder} lacks {', '.join(missing)}", folder)
    manifest = _manifest(folder)
    if manifest and not (is_complete(folder) if "sha256" in manifest else _has_listed_files(folder)):
        return _unavailable(f"the files in {folder} are not those that its {MANIFEST} lists", folder)
    weights: Weights = "twin" if manifest.get("weights") == "twin" else "real"
    words = "speed twin" if weights == "twin" else "real weights"
    return WeightsOnDisk(weights, folder, True, f"{words}, from {folder}")


def _unavailable(note: str, folder: Path | None = None) -> WeightsOnDisk:
    return WeightsOnDisk(None, folder, False, note)


def _manifest(folder: Path) -> dict[str, Any]:
    """Return a folder's manifest; an unreadable one has an empty list of files, which `is_complete` rejects."""
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        content = None
    return content if isinstance(content, dict) else {"files": {}}


def _candidates(model_name: str, source: Source) -> Iterator[Path]:
    """Yield the folders where any version of FastEmbed stores a model: a hub snapshot or an unpacked tarball."""
    cache = fastembed_cache()
    hub_name = f"models--{source.repository.replace('/', '--')}".lower()
    for repository in sorted(cache.glob("models--*")):
        if repository.name.lower() == hub_name:
            yield from _snapshot(repository)
    short = model_name.rpartition("/")[2]
    yield cache / f"fast-{short}"
    yield cache / short


def _snapshot(repository: Path) -> Iterator[Path]:
    try:
        yield repository / "snapshots" / (repository / "refs" / "main").read_text().strip()
    except OSError:
        return


def _has_all_files(folder: Path, source: Source) -> bool:
    """Return whether all files exist and have the sizes that FastEmbed recorded, if it recorded them."""
    names = [source.model_file, *_TOKENIZER_FILES]
    if source.data_file:
        names.append(source.data_file)
    sizes = _recorded_sizes(folder)
    return all(_has_size(folder / name, sizes.get(name)) for name in names)


def _has_size(path: Path, size: int | None) -> bool:
    return path.is_file() and size in (None, path.stat().st_size)


def _recorded_sizes(snapshot: Path) -> dict[str, int]:
    """Return file sizes by name, from the metadata that FastEmbed writes next to its snapshots."""
    prefix = f"snapshots/{snapshot.name}/"
    try:
        metadata = json.loads((snapshot.parent.parent / "files_metadata.json").read_bytes())
        return {name.removeprefix(prefix): file["size"] for name, file in metadata.items() if name.startswith(prefix)}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
