"""What a session tells of a plan under way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from membench.messages.run import Message, RunSpec
from membench.results.record import Record

if TYPE_CHECKING:
    from membench.session.measurement import Measurement


class RunStarted(msgspec.Struct, frozen=True):
    """The process of a run has been started."""

    index: int
    spec: RunSpec
    log: Path


class RunMessage(msgspec.Struct, frozen=True):
    """The runner says something; `measurement` has already taken it into account."""

    index: int
    message: Message
    measurement: Measurement


class RunEnded(msgspec.Struct, frozen=True):
    """The run is over, and its process gone."""

    index: int
    record: Record


Event = RunStarted | RunMessage | RunEnded
