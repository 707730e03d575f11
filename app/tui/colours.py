"""The colours: one hue a run, wherever it is drawn. None of them says anything that words or marks do not say too."""

from __future__ import annotations

HUES = ("#5fb3f0", "#f2a541", "#4cc38a", "#e58fb8", "#a993f5", "#e6d75b", "#f0764f", "#3fc7c9")
COOL = ("#27435a", "#2f5d80", "#3879a8", "#4596cf", "#5fb3f0")
"""Compute, from idle to busy."""
QUIET = "#7d8996"
GRID = "#4a5561"
GOOD, BAD, WARM = "#4cc38a", "#ef6f6c", "#f2a541"


def hue_of(number: int) -> str:
    """The colour of a run, by its number since the dashboard was started."""
    return HUES[number % len(HUES)]
