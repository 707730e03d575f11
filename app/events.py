"""What a session tells of a plan under way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.messages import Message, RunSpec
from app.results.record import Record

if TYPE_CHECKING:
    from app.results.measurement import Measurement


@dataclass(frozen=True)
class RunStarted:
    """The process of a run has been started."""

    index: int
    spec: RunSpec
    log: Path


@dataclass(frozen=True)
class RunMessage:
    """The runner says something; `measurement` has already taken it into account."""

    index: int
    message: Message
    measurement: Measurement


@dataclass(frozen=True)
class RunEnded:
    """The run is over, and its process gone."""

    index: int
    record: Record


Event = RunStarted | RunMessage | RunEnded
