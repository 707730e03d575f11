"""The limits of this machine: the best offline embedding rates measured so far, one file each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

import msgspec
import platformdirs

from membench.files import write_atomically
from membench.machine.facts import describe
from membench.messages.preparation import LimitFound
from membench.spec.run import Corpus, RunSpec
from membench_backends.embedding.models.cache import weights_on_disk

SCHEMA = 2
"""Raised when a name or a meaning changes; older files can still be read."""
_RENAMED_SINCE_1 = {"ops_per_s": "texts_per_s", "passes_ops_per_s": "passes_texts_per_s"}
"""Keys of `found` by their names in schema 1."""
_UNREADABLE = (OSError, UnicodeDecodeError, msgspec.DecodeError)
"""What reading a missing, damaged or newer file raises."""


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """The best offline rate of a machine with a model, a precision and a corpus."""

    schema: int = SCHEMA
    machine: str
    """The facts that the limit depends on: processor, cores, version of ONNX Runtime."""
    model: str
    weights: Literal["real", "twin"]
    precision: str
    corpus: str
    """`benchmark`, `turns`, or the name of a file."""
    measured_at: str
    """UTC, ISO 8601."""
    found: LimitFound
    """The result of the search."""

    @property
    def texts_per_s(self) -> float:
        """Texts per second: the median over passes."""
        return self.found.texts_per_s


def limit_for(spec: RunSpec) -> Limit | None:
    """Return the limit of a run; None if none was measured here, or if the run embeds nothing."""
    if spec.model is None or spec.precision is None or spec.corpus is None:
        return None
    return saved_limit(spec.model, spec.precision, spec.corpus)


def saved_limit(model: str, precision: str, corpus: Corpus) -> Limit | None:
    """Return the limit measured on this machine with a model, a precision and a corpus; None if there is none."""
    try:
        path = _path(model, precision, corpus)
        return _read(path, path.stat().st_mtime_ns)
    except _UNREADABLE:
        return None


def save_limit(model: str, precision: str, corpus: Corpus, limit: Limit) -> Path:
    """Save a limit in place of the previous one.

    Returns:
        The file that holds it.

    Raises:
        FileError: The file cannot be written.
    """
    path = _path(model, precision, corpus)
    write_atomically(path, msgspec.json.format(msgspec.json.encode(limit)) + b"\n", make_folder=True)
    return path


def saved_limits() -> Iterator[Limit]:
    """Yield every limit measured on this machine as it is now, newest first."""
    paths = [path for path in limits_folder().glob("*.json") if path.is_file()]
    for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns, reverse=True):
        try:
            limit = _read(path, path.stat().st_mtime_ns)
        except _UNREADABLE:
            continue
        if limit.machine == machine_text():
            yield limit


def limits_folder() -> Path:
    """Return the folder of the limits. XDG_DATA_HOME moves it."""
    return platformdirs.user_data_path("membench-tui") / "limits"


@cache
def machine_text() -> str:
    """Return the facts about this machine that a limit depends on."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        runtime = version("onnxruntime")
    except PackageNotFoundError:
        runtime = "none"
    return f"{describe()}, onnxruntime {runtime}"


def corpus_name(corpus: Corpus) -> str:
    """Return the short name of a corpus: `turns`, or the name of a file."""
    return Path(corpus.path).name if corpus.path else corpus.kind


@lru_cache(maxsize=64)
def _read(path: Path, modified_ns: int) -> Limit:
    """Read a limit; the time of its last change is part of the cache's key."""
    document = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    schema, found = document.get("schema"), document.get("found")
    if schema not in (1, SCHEMA):
        raise msgspec.DecodeError(f"its schema is {schema!r}")
    if schema == 1 and isinstance(found, dict):
        found = {_RENAMED_SINCE_1.get(key, key): value for key, value in found.items()}
    return msgspec.convert({**document, "schema": SCHEMA, "found": found}, Limit)


def _path(model: str, precision: str, corpus: Corpus) -> Path:
    weights = weights_on_disk(model).weights
    parts = [machine_text(), model, str(weights), precision, corpus.kind, *_file_version(corpus)]
    return limits_folder() / f"{hashlib.sha256(repr(parts).encode()).hexdigest()[:16]}.json"


def _file_version(corpus: Corpus) -> tuple[str, ...]:
    """Return what distinguishes the file of a corpus from other files and from its own earlier content."""
    if corpus.path is None:
        return ()
    status = Path(corpus.path).stat()
    return corpus.path, corpus.column, str(status.st_size), str(status.st_mtime_ns)
