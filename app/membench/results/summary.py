"""What tables show of a run: the same for a run in progress, a record, and a row of the history."""

from __future__ import annotations

from typing import Literal

import msgspec

from membench.analysis.figures import Figures

Status = Literal["ok", "errors", "failed", "partial", "timeout", "crashed"]
"""How a run ended. `errors`: more than one operation in a hundred failed, so its rate is not that of the work."""
State = Literal["waiting", "running", "paused", "damaged"] | Status
"""`paused`: between two of its repeats, while other runs of the plan have their turn. `damaged`: it cannot be read."""


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A run in any state. What is unknown is None."""

    figures: Figures
    """The settings of the run, and the figures known so far."""
    state: State
    stage: str = ""
    """What a run in progress does."""
    started_at: str | None = None
    """UTC, ISO 8601; None before the start."""
    error: str | None = None
    verdict: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is measured."""
        return self.state not in ("waiting", "running", "paused")

    @property
    def clients_text(self) -> str:
        """The number of clients; a dash where it is damaged."""
        return "–" if self.state == "damaged" else str(self.figures.clients)

    @property
    def run_id(self) -> str:
        """The name of the run."""
        return self.figures.run_id
