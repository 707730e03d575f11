"""This machine's limits: the best embedding rates that it reached offline, kept until they are measured again."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

import msgspec
import platformdirs

from membench.machine.facts import cpu_name
from membench.messages.run import Corpus, LimitFound, RunSpec
from membench_backends.embedding.models.cache import weights_on_disk

SCHEMA = 1


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """The best offline rate of a machine for a model, its precision and a corpus."""

    schema: int = SCHEMA
    machine: str
    """What the figure depends on: processor, cores, version of ONNX Runtime."""
    model: str
    weights: Literal["real", "twin"]
    precision: str
    corpus: str
    """`benchmark`, `turns`, or a file's name."""
    measured_at: str
    """UTC, ISO 8601."""
    found: LimitFound

    @property
    def texts_per_s(self) -> float:
        """Texts a second: the median over passes."""
        return self.found.texts_per_s


def limit_for(spec: RunSpec) -> Limit | None:
    """The limit that a run can be held against; None if none was measured here, or the run embeds nothing."""
    return kept_limit(spec.model, spec.precision, spec.workload.corpus) if spec.strategy else None


def kept_limit(model: str, precision: str, corpus: Corpus) -> Limit | None:
    """The limit measured on this machine for a model, a precision and a corpus."""
    try:
        path = _path(model, precision, corpus)
        return _read(path, path.stat().st_mtime_ns)
    except (OSError, msgspec.DecodeError):
        return None


def keep_limit(model: str, precision: str, corpus: Corpus, limit: Limit) -> Path:
    """Keep a limit in place of the one before.

    Returns:
        The file that holds it.

    Raises:
        OSError: It cannot be written.
    """
    path = _path(model, precision, corpus)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        file.write(msgspec.json.format(msgspec.json.encode(limit)))
    os.replace(file.name, path)
    return path


def kept_limits() -> Iterator[Limit]:
    """Every limit measured on this machine as it is now, the newest first."""
    paths = [path for path in limits_folder().glob("*.json") if path.is_file()]
    for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns, reverse=True):
        try:
            limit = _read(path, path.stat().st_mtime_ns)
        except (OSError, msgspec.DecodeError):
            continue
        if limit.machine == machine():
            yield limit


def limits_folder() -> Path:
    """Where limits are kept; XDG_DATA_HOME moves it."""
    return platformdirs.user_data_path("membench-tui") / "limits"


@cache
def machine() -> str:
    """What of this machine a limit depends on."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        runtime = version("onnxruntime")
    except PackageNotFoundError:
        runtime = "none"
    return f"{cpu_name()}, {os.cpu_count()} cores, onnxruntime {runtime}"


def corpus_name(corpus: Corpus) -> str:
    """A corpus in a word: `turns`, or a file's name."""
    return Path(corpus.path).name if corpus.path else corpus.kind


@lru_cache(maxsize=64)
def _read(path: Path, changed_ns: int) -> Limit:
    limit = msgspec.json.decode(path.read_bytes(), type=Limit)
    if limit.schema > SCHEMA:
        raise msgspec.DecodeError("it is of a newer version")
    return limit


def _path(model: str, precision: str, corpus: Corpus) -> Path:
    weights = weights_on_disk(model).weights
    parts = [machine(), model, str(weights), precision, corpus.kind, *_content(corpus)]
    return limits_folder() / f"{hashlib.sha256(repr(parts).encode()).hexdigest()[:16]}.json"


def _content(corpus: Corpus) -> tuple[str, ...]:
    """What tells a file from an earlier version of itself."""
    if corpus.path is None:
        return ()
    status = Path(corpus.path).stat()
    return corpus.path, corpus.column, str(status.st_size), str(status.st_mtime_ns)
