"""The best offline embedding rates found on this machine, one file for each set of conditions."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import platformdirs

from membench.files import MIB, FileError, read_bytes, write_atomically
from membench.machine.facts import cpu_name, versions
from membench.messages.preparation import LimitFound
from membench.spec.corpus import CORPUS_BYTES_MAX
from membench.spec.run import Corpus, RunSpec
from membench_backends.cores import cpu_quota, usable_cores
from membench_backends.embedding.models.cache import files_key, weights_on_disk

SCHEMA = 3
"""Raised when a name or a meaning changes. Files of an older schema do not state all conditions: measure again."""
_DISTRIBUTIONS = ("fastembed", "numpy", "onnxruntime", "tokenizers")
"""The distributions that an embedding rate depends on."""
_UNREADABLE = (OSError, FileError, UnicodeDecodeError, msgspec.DecodeError, RecursionError)
"""What reading a missing, damaged, older or newer file raises."""


class LimitKey(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the best rate depends on. A run with other conditions has no use for it."""

    model: str
    weights: Literal["real", "twin"]
    files: str
    """A key of the content of the model's files."""
    precision: str
    corpus: Corpus
    texts: str
    """A key of the texts: the seed of generated ones, or the content of a file."""
    cpu: str
    cores: int
    """The cores that a run may use."""
    quota: float | None
    """The CPU quota, in cores; None without one."""
    python: str
    versions: dict[str, str]
    """Versions by distribution."""

    @property
    def corpus_name(self) -> str:
        """The short name of the corpus: `turns`, or the name of a file."""
        return Path(self.corpus.path).name if self.corpus.path else self.corpus.kind


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """The best offline rate found under certain conditions."""

    schema: int = SCHEMA
    key: LimitKey
    measured_at: str
    """UTC, ISO 8601."""
    found: LimitFound
    """The result of the search."""

    @property
    def texts_per_s(self) -> float:
        """Texts per second: the median over passes."""
        return self.found.texts_per_s

    def obstacles(self) -> tuple[str, ...]:
        """Return what has changed since it was measured, so that no run uses it; empty if it applies."""
        key = self.key
        now = limit_key(key.model, key.precision, key.corpus, _seed_of(key))
        if now is None:
            return (f"{key.model} or {key.corpus_name} is not on this machine",)
        changes = [
            ("processor", key.cpu, now.cpu),
            ("usable cores", key.cores, now.cores),
            ("CPU quota", key.quota, now.quota),
            ("weights", key.weights, now.weights),
            ("Python", key.python, now.python),
            *((name, key.versions.get(name), now.versions.get(name)) for name in _DISTRIBUTIONS),
        ]
        words = [f"{name} {_word(then)}, now {_word(today)}" for name, then, today in changes if then != today]
        if key.files != now.files and key.weights == now.weights:
            words.append("the model's files have changed")
        if key.texts != now.texts:
            words.append("the corpus has changed")
        return tuple(words)


class UnreadableLimit(NamedTuple):
    """A file that holds no limit which this version can read."""

    path: Path


def limit_key(model: str, precision: str, corpus: Corpus, seed: int) -> LimitKey | None:
    """Return the conditions on this machine as it is now; None if the model or the corpus is not on it."""
    weights, files, texts = weights_on_disk(model).weights, files_key(model), _texts_key(corpus, seed)
    if weights is None or files is None or texts is None:
        return None
    return LimitKey(
        model=model,
        weights=weights,
        files=files,
        precision=precision,
        corpus=corpus,
        texts=texts,
        cpu=cpu_name(),
        cores=usable_cores(),
        quota=cpu_quota(),
        python=platform.python_version(),
        versions=_versions(),
    )


def limit_for(spec: RunSpec) -> Limit | None:
    """Return the limit of a run; None if none was measured under its conditions, or if the run embeds nothing."""
    if spec.model is None or spec.precision is None or spec.corpus is None or spec.seed is None:
        return None
    key = limit_key(spec.model, spec.precision, spec.corpus, spec.seed)
    return saved_limit(key) if key else None


def saved_limit(key: LimitKey) -> Limit | None:
    """Return the limit measured under these conditions; None if there is none."""
    limit = _read(_path(key))
    return limit if isinstance(limit, Limit) and limit.key == key else None


def save_limit(limit: Limit) -> Path:
    """Save a limit in place of the previous one under the same conditions.

    Returns:
        The file that holds it.

    Raises:
        FileError: The file cannot be written.
    """
    path = _path(limit.key)
    write_atomically(path, msgspec.json.format(msgspec.json.encode(limit)) + b"\n", make_folder=True)
    return path


def saved_limits() -> Iterator[Limit | UnreadableLimit]:
    """Yield every limit that is stored, newest first, whether or not it applies to this machine as it is now."""
    paths = [path for path in limits_folder().glob("*.json") if path.is_file()]
    for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns, reverse=True):
        yield _read(path)


def limits_folder() -> Path:
    """Return the folder of the limits. XDG_DATA_HOME moves it."""
    return platformdirs.user_data_path("membench-tui") / "limits"


def _read(path: Path) -> Limit | UnreadableLimit:
    try:
        return _decoded(path, path.stat().st_mtime_ns)
    except _UNREADABLE:
        return UnreadableLimit(path)


@lru_cache(maxsize=64)
def _decoded(path: Path, modified_ns: int) -> Limit:
    """Read a limit; the time of its last change is part of the cache's key."""
    limit = msgspec.json.decode(read_bytes(path, MIB), type=Limit)
    if limit.schema != SCHEMA:
        raise msgspec.DecodeError(f"its schema is {limit.schema!r}")
    return limit


def _path(key: LimitKey) -> Path:
    return limits_folder() / f"{hashlib.sha256(msgspec.json.encode(key)).hexdigest()[:16]}.json"


@cache
def _versions() -> dict[str, str]:
    return {name: version for name, version in versions().items() if name in _DISTRIBUTIONS}


_SEED = "seed "


def _texts_key(corpus: Corpus, seed: int) -> str | None:
    """Return what tells the texts of a corpus from others; None if its file cannot be read."""
    if corpus.kind == "turns":
        return f"{_SEED}{seed}"
    if corpus.path is None:
        return corpus.kind
    try:
        return _content_key(Path(corpus.path), Path(corpus.path).stat().st_mtime_ns)
    except (OSError, FileError):
        return None


def _seed_of(key: LimitKey) -> int:
    """Return the seed of the texts; any number where they have none."""
    return int(key.texts.removeprefix(_SEED)) if key.corpus.kind == "turns" else 0


@lru_cache(maxsize=8)
def _content_key(path: Path, modified_ns: int) -> str:
    """Return a key of a file's content; the time of its last change is for the cache."""
    return hashlib.sha256(read_bytes(path, CORPUS_BYTES_MAX)).hexdigest()[:16]


def _word(value: object) -> str:
    return "none" if value is None else str(value)
