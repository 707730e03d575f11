"""Filters for every line on its way to the terminal: harmless text, colours of the theme, ASCII for limited terminals.

Widgets draw with the colours of the dark theme and with Unicode symbols. These filters replace both in one place.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache

from rich.cells import cell_len, set_cell_size
from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from membench.text import clean

LIMITED_TERMINALS = ("dumb", "linux", "vt100", "vt220")
"""Values of TERM of terminals that cannot display Unicode symbols."""

_BRAILLE = range(0x2800, 0x2900)
_UPPER_DOTS, _LOWER_DOTS = 0b0000_1001, 0b1100_0000
_REPLACEMENTS = {
    **dict.fromkeys("─━═╌┄╴╶╸╺▔", "-"),
    **dict.fromkeys("│┃║╎┆╷╵", "|"),
    **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼┏┓┗┛╔╗╚╝", "+"),
    **dict.fromkeys("▁▂", "_"),
    **dict.fromkeys("▃▄", "="),
    **dict.fromkeys("▅▆", "*"),
    **dict.fromkeys("▇█▉▊▋▌▍▎▏", "#"),
    **{"▓": "%", "▒": "+", "░": "-", "▀": '"', "■": "#", "●": "*", "•": ".", "·": ".", "…": ".", "–": "-", "—": "-"},
    **{"✓": "v", "✗": "x", "◐": "/", "▸": ">", "▹": ">", "→": ">", "←": "<", "↑": "^", "↓": "v", "⏎": "E"},
    **{"◆": "%", "▲": "^", "▼": "v", "○": "o", "◇": "<", "△": "A", "□": "0", "▽": "V"},
    **{"▾": "v", "▴": "^", "×": "x", "µ": "u", "≥": ">", "≤": "<", "±": "~", "’": "'", "★": "*"},
}
_ASCII = str.maketrans(_REPLACEMENTS)


def is_ascii_only(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether the terminal can display ASCII alone, judging by its name and by the locale.

    If no locale is set, UTF-8 is assumed, as Python does.
    """
    if environment.get("TERM") in LIMITED_TERMINALS:
        return True
    locale = next((environment[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environment.get(name)), "")
    charset = locale.partition(".")[2].partition("@")[0]
    return locale in ("C", "POSIX") or (bool(charset) and charset.lower().replace("-", "") != "utf8")


class Harmless(LineFilter):
    """Removes characters that a terminal obeys or that reorder text, wherever they come from; no cell moves."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the line without them."""
        return [
            segment
            if segment.control or segment.text.isprintable()
            else Segment(_harmless(segment.text), segment.style)
            for segment in segments
        ]


def _harmless(text: str) -> str:
    return "".join(
        character if character.isprintable() else set_cell_size(clean(character), cell_len(character))
        for character in text
    )


class Ascii(LineFilter):
    """Replaces every character that is not ASCII by one that is, cell for cell."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the line in ASCII."""
        return [
            segment if segment.control or segment.text.isascii() else Segment(to_ascii(segment.text), segment.style)
            for segment in segments
        ]


def to_ascii(text: str) -> str:
    """Return a text of the same length in ASCII; a character without a replacement becomes `?`."""
    return "".join(map(_to_ascii, text.translate(_ASCII)))


def _to_ascii(character: str) -> str:
    if character.isascii():
        return character
    code = ord(character)
    if code not in _BRAILLE:
        return "?"
    dots = code - _BRAILLE.start
    if not dots:
        return " "
    return "'" if not dots & ~_UPPER_DOTS else "." if not dots & ~_LOWER_DOTS else "-"


class Recolour(LineFilter):
    """Replaces the colours of the dark theme by those of another."""

    def __init__(self, colours: Mapping[str, str]) -> None:
        """Initialise the filter.

        Args:
            colours: The replacement of each colour, both such as `#5fb3f0`.
        """
        super().__init__()
        table = {RichColor.parse(old).triplet: RichColor.parse(new) for old, new in colours.items()}

        @lru_cache(1024)
        def recoloured(style: Style) -> Style:
            replaced = [table.get(colour.triplet) if colour else None for colour in (style.color, style.bgcolor)]
            return style + Style(color=replaced[0], bgcolor=replaced[1]) if any(replaced) else style

        self._recoloured = recoloured

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the line in the other colours."""
        return [
            Segment(text, self._recoloured(style), control) if style else Segment(text, style, control)
            for text, style, control in segments
        ]
