"""Looks at the machine for what spoils a benchmark, and says what to do about it."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import msgspec

from membench.machine.facts import describe, versions
from membench.plan.inventory import model_rows
from membench.units import format_count
from membench_backends.cores import physical_cores
from membench_backends.embedding.models.cache import cache_folder
from membench_backends.registry import backends

STEAL_WINDOW_S = 0.5
STEAL_PERCENT_MAX = 2.0
BUSY_PERCENT_MAX = 10.0
FREE_GB_MIN = 2.0
FILES_MIN = 1024


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at; with advice if it can spoil a measurement."""

    what: str
    found: str
    advice: str = ""


def examine() -> list[Finding]:
    """Everything worth knowing before trusting a figure from this machine."""
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
        *(Finding(f"model {model}", weights, note) if weights != "real" else Finding(f"model {model}", note)
          for model, weights, note in model_rows()),
    ]  # fmt: skip


def disturbances() -> list[Finding]:
    """What spoils figures that are measured now; it takes half a second to look."""
    return [finding for finding in (_quota(), _governor(), *_power(), *_busy(), _memory()) if finding.advice]


def _cores() -> Finding:
    logical, physical = os.cpu_count() or 1, physical_cores()
    if logical > physical:
        advice = f"two threads share a core: a session with more than {physical} threads gains little"
        return Finding("cores", f"{physical} cores, {logical} threads", advice)
    return Finding("cores", str(physical))


def _quota() -> Finding:
    """A container's share of the processors, which the number of cores does not show."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return Finding("CPU quota", "none known")
    if quota == "max":
        return Finding("CPU quota", "none")
    share = int(quota) / int(period)
    return Finding("CPU quota", f"{share:g} cores", "the container is throttled: set --threads to no more than that")


def _governor() -> Finding:
    try:
        governor = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").read_text(encoding="ascii").strip()
    except OSError:
        return Finding("CPU governor", "not shown by this system")
    advice = "" if governor == "performance" else "clock speed varies with load: cpupower frequency-set -g performance"
    return Finding("CPU governor", governor, advice)


def _power() -> list[Finding]:
    """Where the power comes from, of a machine that has a battery."""
    import psutil

    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    if battery is None or battery.power_plugged is None:
        return []
    if battery.power_plugged:
        return [Finding("power", "plugged in")]
    return [Finding("power", "battery", "the processor may be slowed to save it: plug the machine in")]


def _busy() -> list[Finding]:
    """What other work takes, and what a hypervisor gives to others."""
    import psutil

    times = psutil.cpu_times_percent(STEAL_WINDOW_S)
    used = 100.0 - times.idle - getattr(times, "iowait", 0.0)
    steal = getattr(times, "steal", None)
    findings = [
        Finding(
            "in use now", f"{used:.0f} %", "something else is running: figures will be low" * (used > BUSY_PERCENT_MAX)
        )
    ]
    if steal is not None:
        advice = "other guests take processor time: repeat runs and compare side by side" * (steal > STEAL_PERCENT_MAX)
        findings.append(Finding("steal", f"{steal:.1f} %", advice))
    return findings


def _memory() -> Finding:
    import psutil

    free = psutil.virtual_memory().available / 1e9
    return Finding("free memory", f"{free:.1f} GB", "a run needs up to 2 GB" * (free < FREE_GB_MIN))


def _disk(what: str, folder: Path) -> Finding:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free / 1e9
    return Finding(what, f"{folder}, {free:.1f} GB free", "twins and stores need up to 2 GB" * (free < FREE_GB_MIN))


def _open_files() -> Finding:
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Finding("open files", format_count(soft), "raise it for many clients: ulimit -n 4096" * (soft < FILES_MIN))


def _terminal() -> Finding:
    if not sys.stdout.isatty():
        return Finding("terminal", "none: output goes to a file or a pipe")
    size = os.get_terminal_size()
    found = f"{size.columns}x{size.lines}, {os.environ.get('TERM', 'TERM not set')}, {sys.stdout.encoding}"
    small = size.columns < 80 or size.lines < 24
    return Finding("terminal", found, "the dashboard needs 80x24" * small)
