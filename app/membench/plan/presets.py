"""Choices under a name: those that ship each answer a question, the others were saved by the person who uses them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import platformdirs

from membench.plan.options import SHIPPED, Choice
from membench.units import abbreviate_home, suggest

SCHEMA = 1
NAME_MAX = 32
SCALING_CLIENTS = (1, 2, 4, 8, 16, 32)


class PresetsError(Exception):
    """The saved presets cannot be read or written; one line that names the file and says why."""


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """A choice and the name it goes by."""

    name: str
    choice: Choice
    shows: str = ""
    """What one learns from running it."""


BUILT_IN = (
    Preset(
        name="The published comparison",
        shows="Mem0 and AgentMem as they ship, adaptive beside them, in the three workloads that AgentMem published.",
        choice=Choice(),
    ),
    Preset(
        name="Is the lock in the way?",
        shows="AgentMem's mutex against adaptive, with 20 clients: the same work, with the lock and without it.",
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
        shows="Every way to share the model, with 20 clients that add conversation turns.",
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
        shows="One to 32 clients: a lock stays flat, sharing follows the cores, and a curve is fitted to each.",
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
        shows="Mem0 as it ships, and with adaptive in place of its embedder, three times each.",
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
        shows="The same model in 8-bit integers beside 32-bit floats.",
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
        shows="Ready-made vectors into each vector store: what it takes when nothing is embedded.",
        choice=Choice(scenarios=("store-only",), stores=("local", "edge"), clients=(1, 8, 20)),
    ),
    Preset(
        name="What is left without embedding?",
        shows="AgentMem's pipeline over vectors that cost nothing: the rest of it, alone.",
        choice=Choice(
            scenarios=("concurrent-add",),
            backends=("agentmem",),
            embedder="fixed",
            stores=("edge",),
            clients=(1, 20),
            duration_s=3.0,
        ),
    ),
)
"""In the order in which they are shown."""


def presets_path() -> Path:
    """The file with what was saved; XDG_CONFIG_HOME moves it."""
    return platformdirs.user_config_path("membench-tui") / "presets.json"


def saved_presets() -> tuple[Preset, ...]:
    """What was saved, in the order of saving; nothing where there is no file yet.

    Raises:
        PresetsError: There is a file, and it cannot be read or is not one of presets.
    """
    path = presets_path()
    try:
        document = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise PresetsError(f"{abbreviate_home(path)}: cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _damaged(f"it is no file of presets: {error}") from error
    if document.get("schema") != SCHEMA:
        raise _damaged(f"its schema is {document.get('schema')!r}, and this version reads schema {SCHEMA}")
    tables = document.get("presets")
    if not isinstance(tables, dict):
        raise _damaged("it has no presets")
    return tuple(_preset(name, table) for name, table in tables.items())


def save_preset(name: str, choice: Choice) -> None:
    """Keep a choice under a name; it takes the place of one with the same name.

    Raises:
        PresetsError: The file cannot be read or written; what was saved before is still there.
    """
    others = tuple(preset for preset in saved_presets() if preset.name != name)
    _write((*others, Preset(name=name, choice=choice)))


def delete_preset(name: str) -> None:
    """Forget what was saved under a name.

    Raises:
        PresetsError: The file cannot be read or written; the preset is still there.
    """
    _write(tuple(preset for preset in saved_presets() if preset.name != name))


def _preset(name: str, table: Any) -> Preset:
    if not isinstance(table, dict):
        raise _damaged(f"preset {name!r} is not a table")
    for key in table:
        if key not in Choice.__struct_fields__:
            raise _damaged(f"preset {name!r} has an unknown key {key!r}; {suggest(key, Choice.__struct_fields__)}")
    try:
        return Preset(name=name, choice=msgspec.convert(table, Choice))
    except msgspec.ValidationError as error:
        raise _damaged(f"preset {name!r}: {error}") from error


def _damaged(reason: str) -> PresetsError:
    return PresetsError(f"{abbreviate_home(presets_path())}: {reason}; mend it, or move it away")


def _write(presets: tuple[Preset, ...]) -> None:
    from membench.report.exports import ExportError, write_whole

    path = presets_path()
    document = {"schema": SCHEMA, "presets": {preset.name: _changes(preset.choice) for preset in presets}}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
    except OSError as error:
        raise PresetsError(f"{abbreviate_home(path.parent)}: cannot be made: {error.strerror or error}") from error
    except ExportError as error:
        raise PresetsError(str(error)) from error


def _changes(choice: Choice) -> dict[str, Any]:
    """What a choice says beyond the defaults: a file that people read has nothing else in it."""
    defaults = msgspec.to_builtins(Choice())
    return {key: value for key, value in msgspec.to_builtins(choice).items() if value != defaults[key]}
