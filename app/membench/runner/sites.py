"""Places in the code: where a lock was made, where a thread slept."""

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


class Site(NamedTuple):
    """A file as its package names it, a line, and what the value made there is called, if that can be seen."""

    path: str
    line: int
    name: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


_MACHINERY = {
    threading.__file__,
    queue.__file__,
    fair_lock.__file__,
    *map(str, Path(futures.__file__).parent.glob("*.py")),
}
"""Modules that make locks and wait on somebody's behalf: the place is where they were asked to."""
_ASSIGNMENT = re.compile(r"\s*([\w.\[\]]+)\s*(?::[^=]+)?=[^=]")
_sites: dict[tuple[str, int], Site] = {}


def site_of(frame: FrameType) -> Site:
    """The place a frame is at, seen past the standard library's machinery."""
    while frame.f_code.co_filename in _MACHINERY and frame.f_back is not None:
        frame = frame.f_back
    key = frame.f_code.co_filename, frame.f_lineno
    site = _sites.get(key)
    if site is None:
        assignment = _ASSIGNMENT.match(linecache.getline(*key))
        site = _sites[key] = Site(_as_imported(key[0]), key[1], assignment[1] if assignment else "")
    return site


def _as_imported(path: str) -> str:
    """A file's path from the folder it was imported from: `mem0/memory/storage.py`."""
    roots = [root for root in sys.path if root and path.startswith(root.rstrip("/") + "/")]
    return path[len(max(roots, key=len).rstrip("/")) + 1 :] if roots else path
