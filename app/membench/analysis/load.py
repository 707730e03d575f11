"""What the cores did while a run was measured: for the run, and for other programs."""

from __future__ import annotations

from membench.analysis.facts import Fact
from membench.analysis.figures import Figures

SATURATED = 0.8
"""Share of the cores used by the run, or wanted by its threads, from which on they are full."""
OTHERS_CORES = 0.3
"""Cores used by other programs from which on they are worth mentioning."""
GIL_BUSY = 0.6
"""Share of probes that found the interpreter's lock taken, from which on it can be the limit: one busy Python thread
reads 0.8 to 0.9, and less where other programs keep it from a core."""
CLIENT_PYTHON_CORES = 0.3
"""Cores used by clients below which they cannot have kept the interpreter's lock taken."""
CLIENT_PYTHON_SHARE = 0.5
"""The clients' part of what the run used, below which other threads may have kept it taken as well."""


def cores_of(figures: Figures) -> int:
    """Return the cores that the run may use; at least 1."""
    return figures.cores or 1


def share_used(figures: Figures) -> float | None:
    """Return the share of its usable cores that the run itself used, 0 to 1."""
    return None if figures.cores_used is None else min(figures.cores_used / cores_of(figures), 1.0)


def is_full(figures: Figures) -> bool:
    """Return whether the run itself keeps the cores busy."""
    used = share_used(figures)
    return used is not None and used >= SATURATED


def all_cores_busy(figures: Figures) -> bool:
    """Return whether the run and other programs together keep the cores busy; True where that is unknown."""
    used = figures.cores_used
    return used is None or used + cores_used_by_others(figures) >= SATURATED * cores_of(figures)


def cores_wanted(figures: Figures) -> float | None:
    """Return the threads of the run that ran or were ready to run: the cores that it could have used."""
    if figures.client_load is None or figures.worker_load is None:
        return None
    return figures.client_load + figures.worker_load


def wants_all_cores(figures: Figures) -> bool:
    """Return whether the run's threads could have kept all cores busy."""
    wanted = cores_wanted(figures)
    return wanted is not None and wanted >= SATURATED * cores_of(figures)


def gil_is_taken(figures: Figures) -> bool:
    """Return whether the probes found the interpreter's lock taken most of the time."""
    return (figures.gil_busy or 0.0) >= GIL_BUSY


def clients_run_python(figures: Figures) -> bool:
    """Return whether it can be the clients that keep the interpreter's lock taken; on one core, it limits nothing."""
    used = cores_used_by_clients(figures)
    return cores_of(figures) > 1 and used >= max(CLIENT_PYTHON_CORES, CLIENT_PYTHON_SHARE * (figures.cores_used or 0.0))


def cores_used_by_clients(figures: Figures) -> float:
    """Return the cores that the clients' own threads used; 0 where that is unknown."""
    return (figures.time_cpu or 0.0) * figures.clients


def cores_used_by_others(figures: Figures) -> float:
    """Return the cores that were busy with other programs."""
    if figures.cores_used_by_others is not None:
        return figures.cores_used_by_others
    machine = sum(figures.cpu_percent_per_core or ()) / 100  # a record of schema 2 or older
    return max(machine - (figures.cores_used or 0.0), 0.0)


def other_programs(figures: Figures) -> list[Fact]:
    """Return what other programs used, and the names of the largest, if it is enough to matter."""
    others = cores_used_by_others(figures)
    if others < OTHERS_CORES:
        return []
    named = [
        Fact("other_program", {"program": program.name, "cores_used": program.cores})
        for program in figures.other_programs or ()
        if program.cores >= OTHERS_CORES
    ]
    return [Fact("other_programs", {"cores_used": others}), *named]
