"""Presets: named choices. Each built-in one answers a question; users save others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import platformdirs

from membench.files import (
    SETTINGS_BYTES_MAX,
    FileError,
    MissingFileError,
    read_bytes,
    read_errors,
    write_atomically,
)
from membench.plan.options import SHIPPED, Choice
from membench.units import abbreviate_home, suggest

SCHEMA = 2
"""Raised when a name or a meaning changes; older files can still be read."""
_RENAMED_SINCE_1 = {"rate_ops_s": "target_operations_per_s"}
"""Keys of a choice by their names in schema 1."""
NAME_MAX = 32
"""Characters of a name, at most."""
SCALING_CLIENTS = (1, 2, 4, 8, 16, 32)


class PresetsError(Exception):
    """A file of presets that cannot be read or written. The message is one line: the file and the reason."""


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """A choice with a name."""

    name: str
    choice: Choice
    shows: str = ""
    """What its runs show."""


BUILT_IN = (
    Preset(
        name="The published comparison",
        shows="Mem0 and AgentMem as shipped and with adaptive, in the three workloads that AgentMem published.",
        choice=Choice(),
    ),
    Preset(
        name="Is the lock in the way?",
        shows="AgentMem's mutex and adaptive with 20 clients: the same work with and without the lock.",
        choice=Choice(
            scenarios=("concurrent-add",),
            backends=("agentmem",),
            strategies=("mutex", "adaptive"),
            clients=(20,),
            duration_s=3.0,
        ),
    ),
    Preset(
        name="Which strategy is fastest?",
        shows="Every strategy with 20 clients that add conversation turns.",
        choice=Choice(
            scenarios=("steady-add",),
            backends=("agentmem",),
            strategies=("shared", "mutex", "queue", "pool", "adaptive"),
            clients=(20,),
            duration_s=3.0,
        ),
    ),
    Preset(
        name="How does it scale?",
        shows="1 to 32 clients: throughput stays flat behind a lock, and grows with the cores without one.",
        choice=Choice(
            scenarios=("steady-add",),
            backends=("agentmem",),
            strategies=("shared", "mutex", "adaptive"),
            clients=SCALING_CLIENTS,
            duration_s=2.0,
        ),
    ),
    Preset(
        name="What would Mem0 gain?",
        shows="Mem0 as shipped, and with adaptive in place of its embedder, three repeats each.",
        choice=Choice(
            scenarios=("steady-add",),
            backends=("mem0",),
            strategies=(SHIPPED, "adaptive"),
            clients=(20,),
            duration_s=3.0,
            repeats=3,
        ),
    ),
    Preset(
        name="What would int8 gain?",
        shows="The same model in 32-bit floats and in 8-bit integers.",
        choice=Choice(
            scenarios=("steady-add",),
            backends=("agentmem",),
            strategies=("adaptive",),
            precisions=("fp32", "int8"),
            clients=(20,),
            duration_s=3.0,
        ),
    ),
    Preset(
        name="Which store keeps up?",
        shows="Ready vectors into each store: its throughput when nothing is embedded.",
        choice=Choice(scenarios=("store-only",), stores=("local", "edge"), clients=(1, 8, 20)),
    ),
    Preset(
        name="What does the history cost?",
        shows="Mem0 and AgentMem without the model, their history as shipped, and with one commit for all who wait.",
        choice=Choice(
            scenarios=("concurrent-add",),
            backends=("mem0", "agentmem"),
            backend_options={"history": ("as-shipped", "together")},
            embedder="fixed",
            stores=("edge",),
            clients=(1, 20),
            duration_s=3.0,
        ),
    ),
)
"""The built-in presets in the order in which they are listed."""


def presets_path() -> Path:
    """Return the path of the saved presets. XDG_CONFIG_HOME moves it."""
    return platformdirs.user_config_path("membench-tui") / "presets.json"


def saved_presets() -> tuple[Preset, ...]:
    """Return the saved presets in the order in which they were saved; none if there is no file.

    Raises:
        PresetsError: The file cannot be read, or does not hold presets.
    """
    path = presets_path()
    try:
        with read_errors(path):
            document = msgspec.json.decode(read_bytes(path, SETTINGS_BYTES_MAX), type=dict[str, Any])
    except MissingFileError:
        return ()
    except FileError as error:
        raise _file_error(error.reason) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise _damaged(f"is not a file of presets: {error}") from error
    schema, tables = document.get("schema"), document.get("presets")
    if schema not in (1, SCHEMA):
        raise _damaged(f"has schema {schema!r}, and this version reads schemas 1 and {SCHEMA}")
    if not isinstance(tables, dict):
        raise _damaged("has no presets")
    return tuple(_preset(name, table, _RENAMED_SINCE_1 if schema == 1 else {}) for name, table in tables.items())


def save_preset(name: str, choice: Choice) -> None:
    """Save a choice under a name, in place of an earlier one with this name.

    Raises:
        PresetsError: The file cannot be read or written; the presets saved before are still there.
    """
    others = tuple(preset for preset in saved_presets() if preset.name != name)
    _write((*others, Preset(name=name, choice=choice)))


def delete_preset(name: str) -> None:
    """Delete the preset with a name.

    Raises:
        PresetsError: The file cannot be read or written; the preset is still there.
    """
    _write(tuple(preset for preset in saved_presets() if preset.name != name))


def _preset(name: str, table: Any, renamed: Mapping[str, str]) -> Preset:
    if not isinstance(table, dict):
        raise _damaged(f"preset {name!r} is not an object")
    fields = {renamed.get(key, key): value for key, value in table.items()}
    for key in fields:
        if key not in Choice.__struct_fields__:
            raise _damaged(f"preset {name!r} has an unknown key {key!r}; {suggest(key, Choice.__struct_fields__)}")
    try:
        return Preset(name=name, choice=msgspec.convert(fields, Choice))
    except msgspec.ValidationError as error:
        raise _damaged(f"preset {name!r}: {error}") from error


def _damaged(reason: str) -> PresetsError:
    return _file_error(f"{reason}; repair the file, or move it away")


def _file_error(reason: str) -> PresetsError:
    return PresetsError(f"{abbreviate_home(presets_path())}: {reason}")


def _write(presets: tuple[Preset, ...]) -> None:
    document = {"schema": SCHEMA, "presets": {preset.name: _changes(preset.choice) for preset in presets}}
    content = msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
    try:
        write_atomically(presets_path(), content, make_folder=True)
    except FileError as error:
        raise _file_error(error.reason) from error


def _changes(choice: Choice) -> dict[str, Any]:
    """Return the values that differ from the defaults, so that the file is easy to read."""
    defaults = msgspec.to_builtins(Choice())
    return {key: value for key, value in msgspec.to_builtins(choice).items() if value != defaults[key]}
