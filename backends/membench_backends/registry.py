"""The backends by name: the built-in ones, and plugins of other distributions.

Reading the registry imports none of the systems under test; building a backend does.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from membench_backends.base import BackendInfo, Capabilities, MemoryBackend, Parts, UnavailableError, in_one_line
from membench_backends.options import changed_options, option_fields
from membench_backends.privacy import turn_off_telemetry

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "membench.backends"
"""The entry-point group of plugins; each entry point loads to a `BackendInfo`."""

_BUILT_IN = ("mem0", "agentmem", "fastembed", "qdrant", "null")
"""Modules of `membench_backends.systems`, in display order."""
_NO_CAPABILITIES = Capabilities(embeds=False, stores=False, batch_call=False)


def built_in() -> dict[str, BackendInfo]:
    """Return the built-in backends by name; skips entry-point discovery."""
    return {info.name: _guarded(info) for info in map(_built_in, _BUILT_IN)}


@cache
def backends() -> dict[str, BackendInfo]:
    """Return every backend by name: the built-in ones, then those of the entry-point group `membench.backends`.

    A backend that cannot run here is listed with the reason in `unavailable`. A plugin that fails to load is listed
    under the name of its entry point. The result is cached for the life of the process.
    """
    known = dict(built_in())
    for entry in sorted(_entry_points(), key=lambda entry: (entry.name, _distribution(entry))):
        info = _plugin(entry)
        if info.name in known:
            info = _renamed(info, entry)
        known[info.name] = _guarded(info)
    return known


def version_of(info: BackendInfo) -> str | None:
    """Return the version of the distribution that a backend measures, or its version label; None if it has neither."""
    from importlib.metadata import PackageNotFoundError, version

    if info.distribution is None:
        return info.version_label or None
    try:
        return version(info.distribution)
    except PackageNotFoundError:
        return None


def changed_backend_options(backend: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a backend's options that differ from their defaults; all, if the backend is not installed."""
    info = backends().get(backend)
    return changed_options(info.options, values) if info else dict(values)


def why_missing(modules: Iterable[str], distribution: str | None = None) -> str:
    """Return which of these modules are missing and how to install them; empty if none is missing.

    Only looks for the top-level package of each module, so nothing is imported.
    """
    missing = [module for module in modules if not _installed(module.partition(".")[0])]
    if not missing:
        return ""
    names = ", ".join(missing)
    return f"needs {names}, which is not installed: pip install {distribution or names.replace(',', '')}"


def import_required(modules: Iterable[str]) -> None:
    """Import modules that are installed.

    Raises:
        UnavailableError: A module raised while it was imported. The message is one line.
    """
    for module in modules:
        try:
            importlib.import_module(module)
        except (Exception, SystemExit) as error:
            reason = f"needs {module}, which is installed but cannot be imported: {in_one_line(error)}"
            raise UnavailableError(reason) from error


def _built_in(module: str) -> BackendInfo:
    info: BackendInfo = importlib.import_module(f"membench_backends.systems.{module}").INFO
    return info


def _entry_points() -> Iterable[EntryPoint]:
    # Importing importlib.metadata takes longer than everything else in this module.
    import importlib.metadata

    return importlib.metadata.entry_points(group=GROUP)


def _plugin(entry: EntryPoint) -> BackendInfo:
    turn_off_telemetry()  # a plug-in may import what it measures at once, also in the console
    try:
        info = entry.load()
    except (Exception, SystemExit) as error:
        return _broken(entry, in_one_line(error))
    if not isinstance(info, BackendInfo):
        return _broken(entry, f"it is a {type(info).__name__}, not a BackendInfo")
    try:
        tuples = [field.name for field in option_fields(info.options) if field.several]
    except TypeError as error:
        return _broken(entry, str(error))
    return _broken(entry, f"option {tuples[0]} must hold one value, not a tuple") if tuples else info


def _broken(entry: EntryPoint, problem: str) -> BackendInfo:
    reason = f"the plugin {entry.name} = {entry.value} of {_distribution(entry)} does not load: {problem}"
    return BackendInfo(entry.name, "A plugin that does not load.", _NO_CAPABILITIES, _no_build, unavailable=reason)


def _no_build(parts: Parts) -> MemoryBackend:
    raise UnavailableError("the plugin does not load")


def _renamed(info: BackendInfo, entry: EntryPoint) -> BackendInfo:
    distribution = _distribution(entry)
    reason = (
        info.unavailable or f"the name {info.name} is already taken; the plugin {entry.value} must use another name"
    )
    return replace(info, name=f"{info.name} ({distribution})", unavailable=reason)


def _guarded(info: BackendInfo) -> BackendInfo:
    """Return the backend with `unavailable` filled in; its `build` raises `UnavailableError` if it cannot run here."""
    unavailable = info.unavailable or why_missing(info.requires, info.distribution)
    return replace(info, unavailable=unavailable, build=partial(_build, replace(info, unavailable=unavailable)))


def _build(info: BackendInfo, parts: Parts) -> MemoryBackend:
    try:
        if info.unavailable:
            raise UnavailableError(info.unavailable)
        import_required(info.requires)
        return info.build(parts)
    except UnavailableError as error:
        raise UnavailableError(f"{info.name}: {error}") from error
    except ImportError as error:
        raise UnavailableError(f"{info.name}: {in_one_line(error)}") from error


def _installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "an unknown distribution"
