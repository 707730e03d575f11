"""What is done to every line on its way to the terminal: other colours for another theme, ASCII for poor fonts.

Widgets draw in the colours of the dark theme and with the marks that say most; whoever needs others gets them here, in
one place, for whatever is drawn.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

POOR_TERMINALS = ("dumb", "linux", "vt100", "vt220")

_BRAILLE = range(0x2800, 0x2900)
_UPPER_DOTS, _LOWER_DOTS = 0b0000_1001, 0b1100_0000
_TWINS = {
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
_ASCII = str.maketrans(_TWINS)


def knows_no_more_than_ascii(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a terminal can show ASCII only: by its name, or by a locale that is not UTF-8.

    Where no locale is set at all, UTF-8 is taken for granted, as Python does.
    """
    if environment.get("TERM") in POOR_TERMINALS:
        return True
    locale = next((environment[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environment.get(name)), "")
    charset = locale.partition(".")[2].partition("@")[0]
    return locale in ("C", "POSIX") or (bool(charset) and charset.lower().replace("-", "") != "utf8")


class Ascii(LineFilter):
    """Every character by one that any font has, cell for cell."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The line in ASCII."""
        return [
            segment if segment.control or segment.text.isascii() else Segment(in_ascii(segment.text), segment.style)
            for segment in segments
        ]


def in_ascii(text: str) -> str:
    """A text with a twin for each character that is not ASCII."""
    return "".join(map(_twin, text.translate(_ASCII)))


def _twin(character: str) -> str:
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
    """Other colours for those that the widgets draw in."""

    def __init__(self, colours: Mapping[str, str]) -> None:
        """Make the filter.

        Args:
            colours: For a colour of the dark theme, such as `#5fb3f0`, the one to show.
        """
        super().__init__()
        table = {RichColor.parse(old).triplet: RichColor.parse(new) for old, new in colours.items()}

        @lru_cache(1024)
        def recoloured(style: Style) -> Style:
            shown = [table.get(colour.triplet) if colour else None for colour in (style.color, style.bgcolor)]
            return style + Style(color=shown[0], bgcolor=shown[1]) if any(shown) else style

        self._recoloured = recoloured

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The line in other colours."""
        return [
            Segment(text, self._recoloured(style), control) if style else Segment(text, style, control)
            for text, style, control in segments
        ]
