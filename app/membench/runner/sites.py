"""Source locations: where a lock was created, or where a thread slept."""

from __future__ import annotations

import linecache
import queue
import re
import sys
import threading
from concurrent import futures
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from membench_backends.embedding.strategies import fair_lock

_METERS = Path(__file__).parent


class Site(NamedTuple):
    """A line of code, and the name that it assigns to."""

    path: str
    """The file, relative to the `sys.path` entry that it was imported from: `mem0/memory/storage.py`."""
    line: int
    name: str
    """The variable or attribute assigned on the line; empty if the line is not a simple assignment."""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


_TRANSPARENT_FILES = {
    threading.__file__,
    queue.__file__,
    fair_lock.__file__,
    str(_METERS / "semaphores.py"),
    str(_METERS / "lock_usage.py"),
    *map(str, Path(futures.__file__).parent.glob("*.py")),
}
"""Modules that create locks and wait on behalf of their caller. A site in one of them is the caller's instead."""
_ASSIGNMENT = re.compile(r"\s*([\w.\[\]]+)\s*(?::[^=]+)?=[^=]")
_sites: dict[tuple[str, int], Site] = {}


def site_of(frame: FrameType) -> Site:
    """Return the site of a frame, or of its nearest caller outside the transparent modules."""
    while frame.f_code.co_filename in _TRANSPARENT_FILES and frame.f_back is not None:
        frame = frame.f_back
    key = frame.f_code.co_filename, frame.f_lineno
    site = _sites.get(key)
    if site is None:
        assignment = _ASSIGNMENT.match(linecache.getline(*key))
        site = _sites[key] = Site(_relative_to_import_root(key[0]), key[1], assignment[1] if assignment else "")
    return site


def _relative_to_import_root(path: str) -> str:
    """Return a file's path relative to its `sys.path` entry; nested entries resolve to the innermost one."""
    roots = [root for root in sys.path if root and path.startswith(root.rstrip("/") + "/")]
    return path[len(max(roots, key=len).rstrip("/")) + 1 :] if roots else path
