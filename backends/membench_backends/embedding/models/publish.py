"""Folders of files that are made once and kept: each appears whole or not at all.

That holds whoever else makes the same folder at the same time, and whenever a maker is killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from membench_backends.embedding.models.cache import MANIFEST, is_complete

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BUILDING = ".building-"


def publish(folder: Path, write: Callable[[Path], dict[str, Any]]) -> None:
    """Have a folder made, unless it is there and whole.

    Args:
        folder: Where it is to appear; the folders above it are made.
        write: Writes the files into the empty folder it is given, and returns what the manifest says of them.

    Raises:
        OSError: The files cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder.parent)
    if is_complete(folder):
        return
    building = _workplace(folder.parent)
    try:
        manifest = write(building)
        manifest["files"] = {
            path.relative_to(building).as_posix(): path.stat().st_size
            for path in sorted(building.rglob("*"))
            if path.is_file()
        }
        (building / MANIFEST).write_text(json.dumps(manifest, indent=2))
        _move(building, folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _workplace(cache: Path) -> Path:
    """An empty folder that says whose it is, in the file system of the cache so that it can be renamed into it."""
    return cache / tempfile.mkdtemp(prefix=f"{_BUILDING}{os.getpid()}-", dir=cache)


def _move(building: Path, folder: Path) -> None:
    """Rename into place, over a damaged folder but never over a whole one, which somebody may be loading."""
    with _alone_in(folder.parent):
        if is_complete(folder):
            return
        if folder.exists():
            aside = _workplace(folder.parent)
            folder.rename(aside / "damaged")
            shutil.rmtree(aside, ignore_errors=True)
        building.rename(folder)


@contextmanager
def _alone_in(cache: Path) -> Iterator[None]:
    """One process at a time; the lock goes when its holder does, however that ends."""
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_leftovers(cache: Path) -> None:
    """Remove what makers that were killed have left; a live one's folder is not touched."""
    for path in cache.glob(f"{_BUILDING}*"):
        owner = path.name.removeprefix(_BUILDING).partition("-")[0]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(path, ignore_errors=True)
