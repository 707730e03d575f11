"""Atomic publication of folders that are built once and cached.

A folder appears with all its files or not at all, even if several processes build it at the same time or one is killed.
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
    """Build a folder unless it exists and is complete.

    Args:
        folder: The folder to create; missing parents are created as well.
        write: Writes the files into the empty folder that it receives, and returns the manifest's other entries.

    Raises:
        OSError: The files cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder.parent)
    if is_complete(folder):
        return
    building = _new_building_folder(folder.parent)
    try:
        manifest = write(building)
        manifest["files"] = {
            path.relative_to(building).as_posix(): path.stat().st_size
            for path in sorted(building.rglob("*"))
            if path.is_file()
        }
        (building / MANIFEST).write_text(json.dumps(manifest, indent=2))
        _move_into_place(building, folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _new_building_folder(cache: Path) -> Path:
    """Create an empty folder named after this process, inside the cache so that it can be renamed into place."""
    return cache / tempfile.mkdtemp(prefix=f"{_BUILDING}{os.getpid()}-", dir=cache)


def _move_into_place(building: Path, folder: Path) -> None:
    """Rename a folder into place. It replaces a damaged one, but never a complete one, which may be in use."""
    with _locked(folder.parent):
        if is_complete(folder):
            return
        if folder.exists():
            aside = _new_building_folder(folder.parent)
            folder.rename(aside / "damaged")
            shutil.rmtree(aside, ignore_errors=True)
        building.rename(folder)


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    """Hold the lock of the cache; the system releases it when the process ends, even if it is killed."""
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_leftovers(cache: Path) -> None:
    """Remove the folders of processes that were killed while building; those of running processes stay."""
    for path in cache.glob(f"{_BUILDING}*"):
        owner = path.name.removeprefix(_BUILDING).partition("-")[0]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(path, ignore_errors=True)
