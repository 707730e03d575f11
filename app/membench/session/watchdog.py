"""The time until a run counts as stuck."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from membench.messages.encoding import Message
from membench.messages.run import Auditing, Loading, Started, Tick, WarmingUp
from membench.units import format_duration

LOADING_TIMEOUT_S = 120.0
"""The least time for loading, whose steps report nothing: imports, and the first build of a twin, on a slow disk."""
SILENCE_MIN = 0.5
"""Share of the time without progress for which a runner was silent that cannot report even that there is none."""


@dataclass
class Watchdog:
    """The time until a run counts as stuck, because nothing has progressed for too long.

    While the runner measures, warms up and audits, its main thread reports several times per second, also when nothing
    has progressed. If these reports cease, something keeps it from running Python code.
    """

    timeout_s: float
    """How long no operation may return."""
    _activity: str = "starting"
    _progress: object = None
    """What the last message stated of the activity: it progresses when this changes."""
    _allowed_s: float = field(init=False)
    _since: float = field(default_factory=time.monotonic)
    _measuring_since: float | None = None
    _measured_s: float = 0.0
    _heard: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._allowed_s = self._loading_s

    @property
    def _loading_s(self) -> float:
        return max(self.timeout_s, LOADING_TIMEOUT_S)

    def see(self, message: Message) -> None:
        """Take a message of the runner into account."""
        self._heard = time.monotonic()
        match message:
            case Tick():
                self._measured_s = message.elapsed_s
                # Unless something returned, this is as far as the message before.
                progress = object() if message.operations or message.errors else self._progress
                self._see("measuring", progress, self.timeout_s)
            case Started():
                self._see("measuring", None, self.timeout_s)
            case WarmingUp(items=items, done=done):
                self._see("warming up" if done < items else "measuring", done, self.timeout_s)
            case Auditing(checked=checked):
                # Opening and reading a store takes time, and more so the more was written.
                self._see("auditing", checked, max(self._loading_s, self._measured_s))
            case Loading(stage=stage):
                self._see(stage, object(), self._loading_s)
            case _:
                self._see("ending", object(), self._loading_s)

    def remaining_s(self) -> float:
        """Return the seconds until the run counts as stuck."""
        return max(self._since + self._allowed_s - time.monotonic(), 0)

    def error(self) -> str:
        """Return what to tell the user about a stuck run."""
        allowed = format_duration(self._allowed_s)
        reports = self._activity in ("measuring", "warming up", "auditing")
        if reports and time.monotonic() - self._heard > SILENCE_MIN * self._allowed_s:
            return f"native code held Python's lock, the GIL, for {allowed} while {self._activity}; see --timeout"
        what = "nothing was read back" if self._activity == "auditing" else "no operation returned"
        return f"{what} for {allowed} while {self._activity}; see --timeout"

    def _see(self, activity: str, progress: object, allowed_s: float) -> None:
        if (activity, progress) != (self._activity, self._progress):
            self._activity, self._progress, self._allowed_s, self._since = activity, progress, allowed_s, self._heard
