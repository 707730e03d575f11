"""The events of a session: what happens to the runs of a plan."""

from __future__ import annotations

from pathlib import Path

import msgspec

from membench.messages.encoding import Message
from membench.results.record import Record
from membench.session.measurement import Measurement
from membench.spec.run import RunSpec


class RepeatStarted(msgspec.Struct, frozen=True):
    """The process of a repeat has started."""

    index: int
    spec: RunSpec
    repeat: int
    log: Path


class RunMessage(msgspec.Struct, frozen=True):
    """The runner sent a message, which `measurement` has already taken into account."""

    index: int
    message: Message
    measurement: Measurement


class RunPaused(msgspec.Struct, frozen=True):
    """A repeat has ended, and its process is gone; the run has others, which wait for their turn."""

    index: int
    record: Record
    """What is known so far, marked as partial: enough to keep should the console end now."""


class RunEnded(msgspec.Struct, frozen=True):
    """The run has ended: its last repeat, or one that failed."""

    index: int
    record: Record


Event = RepeatStarted | RunMessage | RunPaused | RunEnded
