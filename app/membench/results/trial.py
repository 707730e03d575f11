"""What came of a trial: an advice that was tried next to the run that got it."""

from __future__ import annotations

import msgspec

from membench.analysis.comparison import Ratio
from membench.analysis.facts import Value


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One alternative, and how it compared."""

    run_id: str
    """The run of the alternative, which is in the history."""
    options: dict[str, Value]
    """The options that were changed, by the names of their flags."""
    ratio: Ratio | None
    """How many times faster the alternative was; None where it, or the run beside it, measured nothing."""
    problem: str | None = None
    """Why the alternative did not go well; None if it did."""
