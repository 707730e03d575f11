"""The colours of the dark theme. A run has the same hue everywhere; text or a symbol repeats whatever a colour says."""

from __future__ import annotations

HUES = ("#3fc7c9", "#e58fb8", "#a993f5", "#8fd16a", "#e6d75b", "#8fa6ff", "#c9a583", "#a9bccd")
"""Hues of runs, distinct from the warm colour of waiting for a lock and from the cool colours of computing."""
COOL = ("#27435a", "#2f5d80", "#3879a8", "#4596cf", "#5fb3f0")
"""Shades of use of a core, from idle to busy."""
LOCK = "#ff8c42"
"""The colour of waiting for a lock."""
TIME_COLOURS = {
    "time_lock": (LOCK, "#b3561c"),
    "time_result": ("#a78fc4", "#4d4063"),
    "time_runqueue": ("#8fa58a", "#3c4a3a"),
    "time_cpu": (COOL[-1], "#24598a"),
    "time_other": ("#8b949e", "#2b3138"),
}
"""Foreground and background of each part of client time."""
QUIET = "#7d8996"
"""The colour of labels and other secondary text."""
GRID = "#4a5561"
"""The colour of axes and reference lines."""
GOOD, BAD, WARM = "#4cc38a", "#ef6f6c", "#f2a541"


def hue_of(number: int) -> str:
    """Return the colour of a run, given its number since the dashboard was started."""
    return HUES[number % len(HUES)]
