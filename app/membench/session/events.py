"""The events of a session: what happens to the runs of a plan."""

from __future__ import annotations

from pathlib import Path

import msgspec

from membench.messages.encoding import Message
from membench.results.record import Record
from membench.session.measurement import Measurement
from membench.spec.run import RunSpec


class RunStarted(msgspec.Struct, frozen=True):
    """The process of a run has started."""

    index: int
    spec: RunSpec
    log: Path


class RunMessage(msgspec.Struct, frozen=True):
    """The runner sent a message, which `measurement` has already taken into account."""

    index: int
    message: Message
    measurement: Measurement


class RunEnded(msgspec.Struct, frozen=True):
    """The run has ended, and its process is gone."""

    index: int
    record: Record


Event = RunStarted | RunMessage | RunEnded
