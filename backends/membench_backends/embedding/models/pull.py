"""Fetching real weights from the Hugging Face hub into FastEmbed's cache; the only thing here that uses the network."""

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
"""Gets bytes there and bytes in all; the second grows while files are still being found."""

_HUB = "https://huggingface.co"
_OFFLINE_SWITCHES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_CONNECT_TIMEOUT_S = 3.0
_PROBE_TIMEOUT_S = 4.0
"""For the connection and the look-up of its name together, which has no timeout of its own."""


def pull_model(model: str, progress: Progress) -> Path:
    """Download a model's real weights, or what of them is not yet there; give the folder they are in.

    Raises:
        UnavailableError: FastEmbed has no such model, or the hub cannot be reached or does not deliver.
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
    # The usual way, through the constructor, would also load the model, hide the reason of a failure and try it again.
    folder = TextEmbedding.download_files_from_huggingface(
        source.repository,
        str(cache),
        extra_patterns=[name for name in (source.model_file, source.data_file) if name],
        tqdm_class=_progress_bar(progress),
    )
    return Path(folder)


def _progress_bar(progress: Progress) -> type[Any]:
    """A tqdm class, as the hub's client asks for, that reports bytes and draws nothing."""
    from tqdm.auto import tqdm  # type: ignore[import-untyped]

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            options.pop("name", None)
            super().__init__(*args, **{**options, "disable": False, "file": io.StringIO()})

        def display(self, *_: Any, **__: Any) -> bool:
            # Of the bars for bytes one counts what has arrived and one what is written: the same, a moment later.
            if self.unit == "B" and self.total:
                progress(int(self.n), int(self.total))
            return True

    return Bar


@contextmanager
def _online() -> Iterator[None]:
    """Lift the offline switches, also for a client that is imported already and has read them."""
    switches = {name: os.environ.pop(name) for name in _OFFLINE_SWITCHES if name in os.environ}
    from huggingface_hub import constants

    offline = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = False
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = offline
        os.environ.update(switches)


def _probe(hub: str) -> None:
    """Find out in seconds that there is no network; the hub's client takes most of a minute.

    Raises:
        UnavailableError: Nothing answers.
    """
    answers: SimpleQueue[str | None] = SimpleQueue()
    address = _address(hub)
    threading.Thread(target=lambda: answers.put(_connect(address)), name="hub-probe", daemon=True).start()
    try:
        problem = answers.get(timeout=_PROBE_TIMEOUT_S)
    except Empty:
        problem = "no answer"
    if problem:
        raise UnavailableError(f"{hub} cannot be reached ({problem}); models are downloaded only with a network")


def _connect(address: tuple[str, int]) -> str | None:
    """Open and close a connection; what went wrong, if anything."""
    try:
        socket.create_connection(address, timeout=_CONNECT_TIMEOUT_S).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _address(hub: str) -> tuple[str, int]:
    """Host and port to connect to: the hub's own, or those of the proxy that leads there."""
    target = urlsplit(hub)
    proxy = getproxies().get(target.scheme)
    if proxy and not proxy_bypass(target.hostname or ""):
        target = urlsplit(proxy if "//" in proxy else f"http://{proxy}")
    default_port = 443 if target.scheme == "https" else 80
    return target.hostname or "", target.port or default_port
