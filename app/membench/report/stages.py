"""What a run in progress does, in a few words."""

from __future__ import annotations

from membench.messages.encoding import Message
from membench.messages.preparation import Progress
from membench.messages.run import Auditing, Loading, Tick, WarmingUp
from membench.session.measurement import Measurement
from membench.units import format_count, format_rate


def stage_of(message: Message, measurement: Measurement) -> str | None:
    """Return what a run does since a message; None where the message does not change that."""
    match message:
        case Loading(stage=stage):
            return stage
        case WarmingUp(items=items, done=done):
            return f"warming up with {format_count(items)}" + f", {format_count(done)} done" * bool(done)
        case Tick():
            return f"{format_rate(measurement.memories_per_s)} memories/s"
        case Auditing(acknowledged=acknowledged, checked=checked):
            progress = f": {format_count(checked)} of {format_count(acknowledged)}" if checked else ""
            return f"reading the store back{progress}"
        case Progress(done=done, total=total):
            return f"{done / 1e6:.0f} of {total / 1e6:.0f} MB" if total else f"{done / 1e6:.0f} MB"
        case _:
            return None
