"""What turns the telemetry of the measured libraries off; call `turn_off_telemetry` before importing any of them.

They may report only what the user asked for, which is nothing. Telemetry also costs time within a measurement.
"""

from __future__ import annotations

import os
import sys
from typing import NamedTuple, cast


class Switch(NamedTuple):
    """A setting that turns the telemetry of a library off."""

    library: str
    variable: str
    """An environment variable."""
    value: str
    prevents: str
    """What the library does without the setting."""


class BlockedModule(NamedTuple):
    """A module that exists only to report, and that its library does without if it cannot be imported."""

    library: str
    module: str
    prevents: str
    """What the library does with the module."""


SWITCHES = (
    Switch(
        "ONNX Runtime", "ORT_DISABLE_TELEMETRY", "1",
        "a device ID and a database of events in the cache folder; uploads, from ten seconds on",
    ),
    Switch("Mem0", "MEM0_TELEMETRY", "False", "usage events, a user ID, and notices fetched from the network"),
    Switch("Hugging Face Hub", "HF_HUB_DISABLE_TELEMETRY", "1", "usage statistics"),
    Switch("Chroma", "ANONYMIZED_TELEMETRY", "False", "usage events and a user ID"),
    Switch("LangChain, LangGraph", "LANGSMITH_TRACING_V2", "false", "traces with texts, sent to LangSmith"),
    Switch("LangChain, LangGraph", "LANGSMITH_TRACING", "false", "the same, under an alternative name"),
    Switch("LangChain, LangGraph", "LANGCHAIN_TRACING_V2", "false", "the same, under an earlier name"),
    Switch("Qdrant's server", "QDRANT__TELEMETRY_DISABLED", "true", "usage statistics"),
    Switch("others", "DO_NOT_TRACK", "1", "the telemetry of every library that follows this convention"),
)  # fmt: skip
"""The settings; the README lists them."""
BLOCKED = (
    BlockedModule("OpenVINO", "openvino_telemetry", "a client ID in the home folder; an event with every import"),
)
"""OpenVINO has no such setting, except a file in the home folder, which is the user's."""


def turn_off_telemetry() -> None:
    """Turn the telemetry of all libraries off, for this process; the settings also hold for processes that it starts.

    The user's own settings of the same names are replaced, so a run does the same on every machine.
    """
    os.environ |= {switch.variable: switch.value for switch in SWITCHES}
    modules = cast(dict[str, object], sys.modules)
    for blocked in BLOCKED:
        modules[blocked.module] = None  # an import of it raises ImportError
