"""The other programs on this machine: which of them used the cores while a repeat was measured."""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import suppress
from time import perf_counter
from typing import NamedTuple

import psutil

from membench.messages.run import PROGRAMS_SHOWN, ProgramUse

CORES_MIN = 0.05
"""Use of the cores from which on a program is worth naming."""


class _Process(NamedTuple):
    name: str
    cpu_s: float


class OtherPrograms:
    """The processes that ran when the object was created, and what they have used since.

    The process table is read only here and in `read`, so call both while no client runs: it takes some milliseconds.
    Own children belong to the run, and the processes above this one are those that started it.
    """

    def __init__(self) -> None:
        self._begin_s = perf_counter()
        self._before = _processes()

    def read(self) -> tuple[ProgramUse, ...]:
        """Return the programs that used the cores most, processes of the same name together."""
        wall_s = perf_counter() - self._begin_s
        used_s: defaultdict[str, float] = defaultdict(float)
        for process, now in _processes().items():
            before = self._before.get(process)
            used_s[now.name] += now.cpu_s - (before.cpu_s if before else 0.0)
        programs = [ProgramUse(name, cpu_s / wall_s) for name, cpu_s in used_s.items()]
        busiest = sorted(programs, key=lambda program: program.cores, reverse=True)[:PROGRAMS_SHOWN]
        return tuple(program for program in busiest if program.cores >= CORES_MIN)


def cpus_used_s() -> float:
    """Return how long the logical processors that this process may use have been busy since the machine started."""
    times = psutil.cpu_times(percpu=True)
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(len(times))
    return sum(sum(times[cpu]) - _idle_s(times[cpu]) for cpu in allowed if cpu < len(times))


def _idle_s(times: object) -> float:
    """Return the time in which nothing of this machine ran; the time of guests is part of other times."""
    return sum(getattr(times, name, 0.0) for name in ("idle", "iowait", "steal", "guest", "guest_nice"))


def _processes() -> dict[tuple[int, float], _Process]:
    """Return the processes by identifier and start, without this one, its parents, and what its supervisor adopted."""
    me = psutil.Process()
    parents = me.parents()
    supervisor = parents[0] if parents else me
    own = {*(parent.pid for parent in parents), me.pid, *(child.pid for child in supervisor.children(recursive=True))}
    processes = {}
    for process in psutil.process_iter():
        if process.pid in own:
            continue
        with suppress(psutil.Error), process.oneshot():
            times = process.cpu_times()
            key = process.pid, process.create_time()
            processes[key] = _Process(process.name(), times.user + times.system)
    return processes
