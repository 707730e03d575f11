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

from membench_backends.embedding.models.cache import MANIFEST, digests_of, is_complete, verify
from membench_backends.folder_lock import is_locked, lock_folder

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
    building, owner = _new_building_folder(folder.parent)
    try:
        manifest = write(building)
        manifest["files"] = {
            path.relative_to(building).as_posix(): path.stat().st_size
            for path in sorted(building.rglob("*"))
            if path.is_file()
        }
        manifest["sha256"] = digests_of(building, manifest["files"])
        (building / MANIFEST).write_text(json.dumps(manifest, indent=2))
        verify(building, list(manifest["files"]))
        _move_into_place(building, folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)
        os.close(owner)


def _new_building_folder(cache: Path) -> tuple[Path, int]:
    """Create an empty folder inside the cache, so that it can be renamed into place, and lock it.

    Returns:
        The folder, and the descriptor that holds its lock.
    """
    with _locked(cache):
        building = cache / tempfile.mkdtemp(prefix=_BUILDING, dir=cache)
        return building, lock_folder(building)


def _move_into_place(building: Path, folder: Path) -> None:
    """Rename a folder into place. It replaces a damaged one, but never a complete one, which may be in use."""
    with _locked(folder.parent):
        if is_complete(folder):
            return
        if folder.exists():
            aside = folder.parent / tempfile.mkdtemp(prefix=_BUILDING, dir=folder.parent)
            folder.rename(aside / "damaged")
            shutil.rmtree(aside, ignore_errors=True)
        building.rename(folder)


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    """Hold the lock of the cache; the system releases it when the process ends, even if it is killed.

    The file is removed with the lock held, so whoever waited for a file that is gone takes the next one.
    """
    path = cache / ".lock"
    while True:
        with path.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                is_current = os.path.samestat(os.fstat(lock.fileno()), path.stat())
            except FileNotFoundError:
                is_current = False
            if is_current:
                try:
                    yield
                finally:
                    path.unlink(missing_ok=True)
                return


def _remove_leftovers(cache: Path) -> None:
    """Remove the folders and the lock of processes that were killed while building; those in use stay."""
    if not any(cache.glob(f"{_BUILDING}*")) and not (cache / ".lock").exists():
        return
    with _locked(cache):
        for path in cache.glob(f"{_BUILDING}*"):
            if not is_locked(path):
                shutil.rmtree(path, ignore_errors=True)
