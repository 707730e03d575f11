"""The colours: one hue a run, wherever it is drawn. None of them says anything that words or marks do not say too."""

from __future__ import annotations

HUES = ("#3fc7c9", "#e58fb8", "#a993f5", "#8fd16a", "#e6d75b", "#8fa6ff", "#c9a583", "#a9bccd")
"""Of runs: neither the warm hue of waiting for a lock nor the cool one of computing is among them."""
COOL = ("#27435a", "#2f5d80", "#3879a8", "#4596cf", "#5fb3f0")
"""Compute, from idle to busy."""
LOCK = "#ff8c42"
"""Waiting for a lock."""
TIME_COLOURS = {
    "time_lock": (LOCK, "#b3561c"),
    "time_result": ("#a78fc4", "#4d4063"),
    "time_runqueue": ("#8fa58a", "#3c4a3a"),
    "time_cpu": (COOL[-1], "#24598a"),
    "time_other": ("#8b949e", "#2b3138"),
}
"""Of the parts of client time: the fill, and what is behind it."""
QUIET = "#7d8996"
GRID = "#4a5561"
GOOD, BAD, WARM = "#4cc38a", "#ef6f6c", "#f2a541"


def hue_of(number: int) -> str:
    """The colour of a run, by its number since the dashboard was started."""
    return HUES[number % len(HUES)]
