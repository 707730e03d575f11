"""Facts: what the program states, apart from the words that it uses on the command line and in the dashboard."""

from __future__ import annotations

import msgspec

Value = int | float | bool | str | None


class Fact(msgspec.Struct, frozen=True):
    """One fact: its name, and the values that it states. `membench.report.wording` has a sentence for each name."""

    name: str
    values: dict[str, Value] = {}
