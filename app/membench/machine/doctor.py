"""Checks of the machine for what distorts a benchmark, with advice."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import msgspec

from membench.machine.facts import describe, versions
from membench.machine.models import model_rows
from membench.units import format_count
from membench_backends.cores import cpu_quota, physical_cores, usable_cores
from membench_backends.embedding.models.cache import cache_folder
from membench_backends.registry import backends

STEAL_WINDOW_S = 0.5
STEAL_PERCENT_MAX = 2.0
BUSY_PERCENT_MAX = 10.0
FREE_GB_MIN = 2.0
OPEN_FILES_MIN = 1024


class Finding(msgspec.Struct, frozen=True):
    """The result of one check."""

    check: str
    """The thing checked: `CPU governor`."""
    value: str
    """Its state in a few words: `powersave`."""
    advice: str = ""
    """The reason why it can distort a measurement, or what to do about it; empty if it cannot."""


def examine() -> list[Finding]:
    """Return the findings of all checks, in the order of the table."""
    return [
        Finding("machine", describe()),
        _cores(),
        _quota(),
        _governor(),
        *_power(),
        *_busy(),
        _memory(),
        _disk("temporary folder", Path(tempfile.gettempdir())),
        _disk("cache folder", cache_folder()),
        _open_files(),
        _terminal(),
        Finding("python", f"{sys.version.split()[0]} at {sys.executable}"),
        *(Finding(distribution, version) for distribution, version in versions().items()),
        *(Finding(name, "unavailable", info.unavailable) for name, info in backends().items() if info.unavailable),
        *_models(),
    ]


def disturbances() -> list[Finding]:
    """Return what distorts figures measured now. The check takes half a second."""
    return [finding for finding in (_quota(), _governor(), *_power(), *_busy(), _memory()) if finding.advice]


def _cores() -> Finding:
    logical, physical, usable = os.cpu_count() or 1, physical_cores(), usable_cores()
    if usable < physical:
        advice = "the processor affinity or the CPU quota keeps the rest from runs, and other programs may use them"
        return Finding("cores", f"{usable} usable of {physical}", advice)
    if logical > physical:
        advice = f"two hardware threads share a core: a session gains little from more than {physical} threads"
        return Finding("cores", f"{physical} cores, {logical} hardware threads", advice)
    return Finding("cores", str(physical))


def _quota() -> Finding:
    """Check a container's share of the processors, which the number of cores does not show."""
    quota = cpu_quota()
    if quota is None:
        return Finding("CPU quota", "none")
    advice = "the container is throttled: more threads than that wait for a core"
    return Finding("CPU quota", f"{quota:g} core{'s' * (quota != 1)}", advice)


def _governor() -> Finding:
    try:
        governor = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").read_text(encoding="ascii").strip()
    except OSError:
        return Finding("CPU governor", "unknown")
    advice = "" if governor == "performance" else "the clock rate varies: cpupower frequency-set -g performance"
    return Finding("CPU governor", governor, advice)


def _power() -> list[Finding]:
    """Check the power supply of a machine that has a battery."""
    import psutil

    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    if battery is None or battery.power_plugged is None:
        return []
    if battery.power_plugged:
        return [Finding("power", "plugged in")]
    return [Finding("power", "battery", "the processor may run slower to save power: plug the machine in")]


def _busy() -> list[Finding]:
    """Check how much processor time other programs use, and other guests of the hypervisor."""
    import psutil

    times = psutil.cpu_times_percent(STEAL_WINDOW_S)
    used = 100.0 - times.idle - getattr(times, "iowait", 0.0)
    steal = getattr(times, "steal", None)
    advice = "other programs are running: figures will be low" * (used > BUSY_PERCENT_MAX)
    findings = [Finding("CPU in use", f"{used:.0f} %", advice)]
    if steal is not None:
        advice = "other guests use the processor: compare runs of one plan only" * (steal > STEAL_PERCENT_MAX)
        findings.append(Finding("CPU steal", f"{steal:.1f} %", advice))
    return findings


def _memory() -> Finding:
    import psutil

    available_gb = psutil.virtual_memory().available / 1e9
    return Finding("free memory", f"{available_gb:.1f} GB", "a run needs up to 2 GB" * (available_gb < FREE_GB_MIN))


def _disk(check: str, folder: Path) -> Finding:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free_gb = shutil.disk_usage(existing).free / 1e9
    advice = "speed twins and stores need up to 2 GB" * (free_gb < FREE_GB_MIN)
    return Finding(check, f"{folder}, {free_gb:.1f} GB free", advice)


def _open_files() -> Finding:
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    advice = "too few for many clients: ulimit -n 4096" * (soft < OPEN_FILES_MIN)
    return Finding("open files", format_count(soft), advice)


def _terminal() -> Finding:
    if not sys.stdout.isatty():
        return Finding("terminal", "none: the output is a file or a pipe")
    size = os.get_terminal_size()
    value = f"{size.columns}x{size.lines}, {os.environ.get('TERM', 'TERM not set')}, {sys.stdout.encoding}"
    is_small = size.columns < 80 or size.lines < 24
    return Finding("terminal", value, "the dashboard needs 80x24" * is_small)


def _models() -> list[Finding]:
    return [
        Finding(f"model {row.model}", row.note) if row.weights == "real" else Finding(f"model {row.model}", *row[1:])
        for row in model_rows()
    ]
