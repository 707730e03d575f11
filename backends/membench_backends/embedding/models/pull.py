"""Downloads of real weights from the Hugging Face hub into FastEmbed's cache. Nothing else here uses the network."""

from __future__ import annotations

import io
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from membench_backends.base import UnavailableError
from membench_backends.embedding.models.cache import fastembed_cache
from membench_backends.embedding.models.sources import SOURCES, Source, source_of

Progress = Callable[[int, int], None]
"""Receives the bytes downloaded and the total, which grows while the hub is still listing files."""

_HUB = "https://huggingface.co"
_OFFLINE_VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_CONNECT_TIMEOUT_S = 3.0
_PROBE_TIMEOUT_S = 4.0
"""Limits the connection together with the name lookup, which has no timeout of its own."""


def pull_model(model: str, progress: Progress) -> Path:
    """Download the missing files of a model's real weights, and return their folder.

    Raises:
        UnavailableError: FastEmbed has no such model, the hub cannot be reached, or the download fails.
    """
    source = source_of(model)
    if source is None:
        raise UnavailableError(f"{model} is not a text model of FastEmbed; it has {', '.join(SOURCES)}")
    hub = os.environ.get("HF_ENDPOINT") or _HUB
    _probe(hub)
    with _online():
        try:
            return _download(source, progress)
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UnavailableError(f"{model} could not be downloaded from {hub}: {reason}") from error


def _download(source: Source, progress: Progress) -> Path:
    from fastembed import TextEmbedding

    cache = fastembed_cache()
    cache.mkdir(parents=True, exist_ok=True)
    # FastEmbed's constructor would also load the model, hide the reason for a failure, and retry.
    folder = TextEmbedding.download_files_from_huggingface(
        source.repository,
        str(cache),
        extra_patterns=[name for name in (source.model_file, source.data_file) if name],
        tqdm_class=_progress_bar(progress),
    )
    return Path(folder)


def _progress_bar(progress: Progress) -> type[Any]:
    """Return a tqdm class, as the hub's client expects, that reports bytes and draws nothing."""
    from tqdm.auto import tqdm  # type: ignore[import-untyped]

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            options.pop("name", None)
            super().__init__(*args, **{**options, "disable": False, "file": io.StringIO()})

        def display(self, *_: Any, **__: Any) -> bool:
            # Two bars count bytes, those received and those written: the same bytes, a moment apart.
            if self.unit == "B" and self.total:
                progress(int(self.n), int(self.total))
            return True

    return Bar


@contextmanager
def _online() -> Iterator[None]:
    """Disable offline mode, including in a hub client that has already read the environment variables."""
    variables = {name: os.environ.pop(name) for name in _OFFLINE_VARIABLES if name in os.environ}
    from huggingface_hub import constants

    offline = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = False
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = offline
        os.environ.update(variables)


def _probe(hub: str) -> None:
    """Detect a missing network within seconds; the hub's client would take most of a minute.

    Raises:
        UnavailableError: The hub cannot be reached.
    """
    answers: SimpleQueue[str | None] = SimpleQueue()
    address = _address(hub)
    threading.Thread(target=lambda: answers.put(_connect(address)), name="hub-probe", daemon=True).start()
    try:
        problem = answers.get(timeout=_PROBE_TIMEOUT_S)
    except Empty:
        problem = "no answer"
    if problem:
        raise UnavailableError(f"{hub} cannot be reached ({problem}); downloading a model needs a network")


def _connect(address: tuple[str, int]) -> str | None:
    """Open and close a connection; return the reason if that fails."""
    try:
        socket.create_connection(address, timeout=_CONNECT_TIMEOUT_S).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _address(hub: str) -> tuple[str, int]:
    """Return the host and port to connect to: those of the hub, or of the proxy for it."""
    target = urlsplit(hub)
    proxy = getproxies().get(target.scheme)
    if proxy and not proxy_bypass(target.hostname or ""):
        target = urlsplit(proxy if "//" in proxy else f"http://{proxy}")
    default_port = 443 if target.scheme == "https" else 80
    return target.hostname or "", target.port or default_port
