"""The themes: the variables of the style sheet, and replacements for the colours that widgets draw with."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from textual.theme import Theme

from membench.tui.common.colours import BAD, COOL, GOOD, GRID, HUES, QUIET, TIME_COLOURS, WARM

_DARK = Theme(
    name="dark",
    primary="#5fb3f0",
    secondary="#3879a8",
    accent="#7cc4f8",
    success=GOOD,
    warning=WARM,
    error=BAD,
    background="#0f1317",
    surface="#0f1317",
    panel="#1a2027",
    foreground="#dbe2e8",
    variables={"edge": "#42464b"},
)
_LIGHT = Theme(
    name="light",
    primary="#1f6fb2",
    secondary="#5b8db5",
    accent="#0b62a8",
    success="#17794a",
    warning="#8f5600",
    error="#b3261e",
    background="#fbfbf9",
    surface="#fbfbf9",
    panel="#eceeec",
    foreground="#1d2328",
    dark=False,
    variables={"edge": "#b4b9bc"},
)
_HIGH_CONTRAST = Theme(
    name="high-contrast",
    primary="#66ccff",
    secondary="#66ccff",
    accent="#ffff00",
    success="#00ff7f",
    warning="#ffd000",
    error="#ff7070",
    background="#000000",
    surface="#000000",
    panel="#1c1c1c",
    foreground="#ffffff",
    variables={"edge": "#c8c8c8"},
)
_COLOUR_BLIND_SAFE = Theme(
    name="colour-blind-safe",
    primary="#56b4e9",
    secondary="#2f7fae",
    accent="#8fd0f5",
    success="#2fc2a0",
    warning="#f0e442",
    error="#ff8a5c",
    background="#0f1317",
    surface="#0f1317",
    panel="#1a2027",
    foreground="#e4e9ee",
    variables={"edge": "#42464b"},
)


class Palette(msgspec.Struct, frozen=True):
    """A theme and the colours that widgets draw with."""

    theme: Theme
    colours: dict[str, str] = {}
    """The replacement of each colour of the dark theme; empty for the dark theme itself."""


def _colours(
    hues: Sequence[str], cool: Sequence[str], time: Sequence[tuple[str, str]], others: Sequence[str]
) -> dict[str, str]:
    """Return the replacement of each colour of the dark theme.

    Args:
        hues: Replacements of HUES.
        cool: Replacements of COOL.
        time: Replacements of TIME_COLOURS, in the same order.
        others: Replacements of QUIET, GRID, GOOD, BAD and WARM.
    """
    return {
        **dict(zip(HUES, hues, strict=True)),
        **dict(zip(COOL, cool, strict=True)),
        **{
            old: new
            for olds, news in zip(TIME_COLOURS.values(), time, strict=True)
            for old, new in zip(olds, news, strict=True)
        },
        **dict(zip((QUIET, GRID, GOOD, BAD, WARM), others, strict=True)),
    }


PALETTES = {
    palette.theme.name: palette
    for palette in (
        Palette(_DARK),
        Palette(
            _LIGHT,
            _colours(
                ("#0b7a7c", "#a8326a", "#5b3fc4", "#3d7a14", "#7a6a00", "#3a52c7", "#7d5426", "#51626f"),
                ("#c9dcec", "#9cc3e2", "#6ba5d3", "#3d87c2", "#1f6fb2"),
                (
                    ("#c2500a", "#f0a878"),
                    ("#6f4f9e", "#cdbde3"),
                    ("#4f6b4a", "#c3d2bf"),
                    ("#1f6fb2", "#a5cbe8"),
                    ("#5c656d", "#d5dade"),
                ),
                ("#5a656f", "#a4adb4", "#17794a", "#b3261e", "#8f5600"),
            ),
        ),
        Palette(
            _HIGH_CONTRAST,
            _colours(
                ("#00ffff", "#ff8ad8", "#c8a8ff", "#7dff4d", "#ffff66", "#a8b8ff", "#ffcf9e", "#ffffff"),
                ("#2b5f8f", "#3a86c8", "#4aa8f0", "#66ccff", "#99e0ff"),
                (
                    ("#ff9a1f", "#7a3c00"),
                    ("#d8b8ff", "#4b2f78"),
                    ("#b8e0b0", "#2f5a28"),
                    ("#99e0ff", "#0f5a94"),
                    ("#e0e0e0", "#4a4a4a"),
                ),
                ("#d4d4d4", "#a0a0a0", "#00ff7f", "#ff7070", "#ffd000"),
            ),
        ),
        # Hues after Okabe and Ito, "Color Universal Design", 2008: distinguishable with any one type of cone missing.
        Palette(
            _COLOUR_BLIND_SAFE,
            _colours(
                ("#f0e442", "#cc79a7", "#ffffff", "#009e73", "#a6a6ff", "#f5c6e0", "#8c8c8c", "#8fe3c8"),
                ("#1f4a66", "#246a94", "#2f86b8", "#429fd4", "#56b4e9"),
                (
                    ("#e69f00", "#7a5400"),
                    ("#cc79a7", "#5e3049"),
                    ("#c8c8a8", "#55553c"),
                    ("#56b4e9", "#1d5f8a"),
                    ("#9aa3ab", "#2b3138"),
                ),
                ("#8f9aa6", "#4a5561", "#2fc2a0", "#ff8a5c", "#f0e442"),
            ),
        ),
    )
}
"""Palettes by name, in the order in which `action_next_theme` goes through them."""
