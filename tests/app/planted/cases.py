"""The planted causes: which verdicts are true of each, alone, next to two busy processes, and on one core."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from membench.analysis.facts import Fact
from membench.results.record import Record

FOLDER = Path(__file__).parent
MODULES = ("planted_backends", "lock_backends", "other_backends")
SCENARIO = """\
schema = 1

[scenario.planted]
summary = "Clients add for a moment."
operation = "add"
duration = "1500ms"
clients = 1
corpus = "benchmark"
warmup_items = 1
backends = ["null"]
"""
SPIN = "while True: pass"
BUSY_PROCESSES = 2


class Case(NamedTuple):
    """A backend, and the verdicts that are true of it. A verdict may be followed by the fact that must lead to it."""

    backend: str
    alone: tuple[str, ...]
    busy: tuple[str, ...]
    one_core: tuple[str, ...]
    site: str = ""
    """The code on the line of the lock that a verdict about a lock must name."""
    clients: int = 8


CONTROL_GROUPS = Path("/sys/fs/cgroup")
CPU_CONTROLLER = CONTROL_GROUPS / "cpu"
"""The CPU controller of control groups version 1, where it has a hierarchy of its own."""
LOCK, COMPUTE, GIL, STORE, UNCLEAR = ("lock-bound",), ("compute-bound",), ("gil-bound",), ("store-bound",), ("unclear",)
SYMPTOM = ("compute-bound holders_fill_cores", "compute-bound convoy_cores")
CASES = (
    # A lock, or a semaphore used as one, around a wait: without it, the waits would overlap.
    Case("held-lock", LOCK, LOCK, LOCK, "self._ledger_lock = "),
    Case("waiting", LOCK, LOCK, LOCK, "self._lock = "),
    Case("waiting-next-to-spinner", LOCK, LOCK, LOCK, "self._lock = "),
    Case("locked-input", LOCK, LOCK, LOCK, "self._lock = "),
    Case("nested", LOCK, LOCK, LOCK, "self._inner_lock = "),
    Case("semaphore-as-lock", LOCK, LOCK, LOCK, "threading.Semaphore(1)"),
    Case("narrow-gate", LOCK, LOCK, LOCK, "threading.BoundedSemaphore(2)"),
    Case("hot-stripe", LOCK, LOCK, LOCK, "self._locks = [threading.Lock() for _ in range(8)]"),
    Case("retries", LOCK, LOCK, LOCK, "self._lock = "),
    # A lock around work of one thread: next to busy processes, its holders may mostly wait for a core.
    Case("locked-python", LOCK, (*LOCK, "compute-bound convoy_cores"), SYMPTOM, "self._lock = "),
    Case("locked-c-call", LOCK, (*LOCK, "compute-bound convoy_cores"), SYMPTOM, "self._lock = "),
    Case("locked-digest", LOCK, (*LOCK, "compute-bound convoy_cores"), SYMPTOM, "self._lock = "),
    # A lock as a symptom: of cores, or of the interpreter's lock.
    Case("locked-crew", SYMPTOM, SYMPTOM, SYMPTOM),
    Case("core-convoy", COMPUTE, COMPUTE, COMPUTE),
    Case("gated-compute", COMPUTE, COMPUTE, COMPUTE),
    Case("gil-convoy", GIL, (*GIL, "compute-bound convoy_cores"), COMPUTE),
    # Locks that no client waits for, or that are free nearly all the time.
    Case("workers-contend", UNCLEAR, UNCLEAR, UNCLEAR),
    Case("wide-gate", UNCLEAR, UNCLEAR, UNCLEAR),
    Case("lock-per-user", UNCLEAR, UNCLEAR, UNCLEAR),
    Case("lock-per-call", UNCLEAR, UNCLEAR, UNCLEAR),
    Case("striped", UNCLEAR, UNCLEAR, UNCLEAR),
    Case("spare-retries", UNCLEAR, UNCLEAR, UNCLEAR),
    # Other causes, and threads that have nothing to do with them.
    Case("pure-python", GIL, (*GIL, "compute-bound other_programs"), COMPUTE),
    Case("spinning", UNCLEAR, UNCLEAR, UNCLEAR),
    Case("store-next-to-spinner", STORE, STORE, STORE),
    Case("worker", UNCLEAR, UNCLEAR, COMPUTE),
    Case("workers", COMPUTE, COMPUTE, COMPUTE),
    Case("locked-database", STORE, STORE, STORE),
    Case("unmarked-database", UNCLEAR, UNCLEAR, UNCLEAR),
)


def install(folder: Path) -> None:
    """Make a folder a distribution that provides the planted backends, with a scenario for them in `planted.toml`."""
    entries = []
    for module in MODULES:
        shutil.copy(FOLDER / f"{module}.py", folder)
        declared = re.findall(r'^([A-Z_]+) = info\("([^"]+)"', (FOLDER / f"{module}.py").read_text(), re.MULTILINE)
        entries += [f"{name} = {module}:{variable}\n" for variable, name in declared]
    (folder / "planted.toml").write_text(SCENARIO)
    distribution = folder / "planted-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n")
    (distribution / "entry_points.txt").write_text("[membench.backends]\n" + "".join(sorted(entries)))


def sites_of(code: str) -> set[str]:
    """Return the lines of the planted backends that contain some code, as sites."""
    return {
        f"{module}.py:{number}"
        for module in MODULES
        for number, line in enumerate((FOLDER / f"{module}.py").read_text().splitlines(), 1)
        if code in line
    }


def is_correct(case: Case, expected: tuple[str, ...], record: Record) -> bool:
    """Return whether the verdict of a run is one of those expected, and names the right lock."""
    facts = [fact for fact in record.verdict_evidence or () if isinstance(fact, Fact)]
    names = {fact.name for fact in facts}
    matches = any(record.verdict == words[0] and set(words[1:]) <= names for words in map(str.split, expected))
    if record.verdict != "lock-bound" or not case.site:
        return matches
    named = next((fact.values["site"] for fact in facts if fact.name in ("lock_held", "semaphore_held")), "")
    return matches and named in sites_of(case.site)


@contextmanager
def busy_processes() -> Iterator[None]:
    """Keep two processes busy meanwhile."""
    processes = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(BUSY_PROCESSES)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process and those that it starts to one core meanwhile."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@contextmanager
def quota_of_one_core() -> Iterator[None]:
    """Give this process and those that it starts a CPU quota of one core meanwhile, as a container's limit does.

    Raises:
        OSError: The control group cannot be created; this takes Linux, and usually root.
    """
    root = CPU_CONTROLLER if CPU_CONTROLLER.is_dir() else CONTROL_GROUPS
    group = root / f"membench-planted-{os.getpid()}"
    group.mkdir()
    try:
        if root is CPU_CONTROLLER:
            (group / "cpu.cfs_quota_us").write_text("100000")
            (group / "cpu.cfs_period_us").write_text("100000")
        else:
            (group / "cpu.max").write_text("100000 100000")
        (group / "cgroup.procs").write_text(str(os.getpid()))
        yield
    finally:
        (root / "cgroup.procs").write_text(str(os.getpid()))
        group.rmdir()
