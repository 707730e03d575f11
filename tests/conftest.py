"""What all tests share: folders of their own, a tiny model, and backends that misbehave."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from faulty_plugin import install_faulty
from membench_backends.privacy import turn_off_telemetry

PATIENCE_S = 60.0
"""How long a test waits for something that ought to happen, before it fails."""

turn_off_telemetry()  # in this process, before a test imports the libraries; and in those it starts

# A shell that starts the tests in the background, or with nohup, ignores these for them and for what they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def turn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A test marked `alone` has the machine to itself: the other test process waits for it to end."""
    alone = request.node.get_closest_marker("alone") is not None
    # Each process has a folder of its own in one of this test run.
    with (tmp_path_factory.getbasetemp().parent / "turn.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    """The command ignores signals when it ends; a test that calls it in this process must not leave it so."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees, or leaves anything in, the folders of the person who runs it."""
    home = tmp_path_factory.mktemp("home")
    for name in ("cache", "state", "data", "config"):
        monkeypatch.setenv(f"XDG_{name.upper()}_HOME", str(home / name))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("FASTEMBED_CACHE_PATH", str(home / "fastembed"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return home


@pytest.fixture(scope="session")
def tiny_twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of two layers, for `--model`: a real run of it takes a moment."""
    from membench_backends.embedding.models.architecture import TINY
    from membench_backends.embedding.models.twin import build_twin

    return build_twin(TINY, tmp_path_factory.mktemp("twins"))


@pytest.fixture(scope="session")
def plugin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an installed distribution that brings the faulty backends."""
    folder = tmp_path_factory.mktemp("plugins")
    install_faulty(folder)
    return folder


@pytest.fixture
def plugins(plugin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The faulty backends, installed: for this process and for those it starts."""
    from membench_backends.registry import backends

    monkeypatch.setenv("PYTHONPATH", str(plugin_folder))
    monkeypatch.setattr(sys, "path", [str(plugin_folder), *sys.path])
    backends.cache_clear()
    yield plugin_folder
    backends.cache_clear()


class Signpost:
    """Tells when a faulty backend has got as far as a given operation, and which process it is in."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._descriptor = os.open(path, os.O_RDWR)

    def wait(self) -> psutil.Process:
        """The runner, once it is there."""
        ready, _, _ = select.select([self._descriptor], [], [], PATIENCE_S)
        assert ready, "the backend did not get as far as that"
        return psutil.Process(int(os.read(self._descriptor, 100)))

    def close(self) -> None:
        os.close(self._descriptor)


@pytest.fixture
def signpost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Signpost]:
    """Reached by the fiftieth measured operation of a faulty backend."""
    path = tmp_path / "signpost"
    monkeypatch.setenv("FAULTY_SIGNPOST", str(path))
    post = Signpost(path)
    yield post
    post.close()
