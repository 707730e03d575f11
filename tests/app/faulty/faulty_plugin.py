"""The faulty backends as an installed distribution."""

from __future__ import annotations

import shutil
from pathlib import Path

ENTRY_POINTS = """\
[membench.backends]
raises-some = faulty_backends:RAISES_SOME
raises-all = faulty_backends:RAISES_ALL
hangs = faulty_backends:HANGS
segfaults = faulty_backends:SEGFAULTS
exits = faulty_backends:EXITS
loses = faulty_backends:LOSES
duplicates = faulty_backends:DUPLICATES
corrupts = faulty_backends:CORRUPTS
wrong-users = faulty_backends:WRONG_USERS
historian = faulty_backends:HISTORIAN
forgets-history = faulty_backends:FORGETS_HISTORY
own-vectors = faulty_backends:OWN_VECTORS
shares-vectors = faulty_backends:SHARES_VECTORS
flushes = faulty_backends:FLUSHES
forgets-to-flush = faulty_backends:FORGETS_TO_FLUSH
faithful = faulty_backends:FAITHFUL
unreadable = faulty_backends:UNREADABLE
prints = faulty_backends:PRINTS
system-exit = faulty_backends:SYSTEM_EXIT
slow = faulty_backends:SLOW
daemonises = faulty_backends:DAEMONISES
holds-gil = faulty_backends:HOLDS_GIL
slow-start = faulty_backends:SLOW_START
floods = faulty_backends:FLOODS
misbehaves = faulty_backends:MISBEHAVES
late-import = faulty_backends:LATE_IMPORT
broken-import = faulty_broken:INFO
"""


def install_faulty(folder: Path) -> None:
    """Make a folder a distribution that provides the faulty backends."""
    shutil.copy(Path(__file__).with_name("faulty_backends.py"), folder)
    (folder / "faulty_broken.py").write_text("raise ImportError('libfaulty.so.3 is missing')\n")
    distribution = folder / "faulty-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty\nVersion: 1.0\n")
    (distribution / "entry_points.txt").write_text(ENTRY_POINTS)
