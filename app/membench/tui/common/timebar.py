"""Where the time of the clients goes: one stacked bar, with its shares in words below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.text import Text
from textual.geometry import Size
from textual.reactive import reactive

from membench.analysis.contention import Shares
from membench.results.record import TIME_PARTS
from membench.tui.common.canvas import Canvas, note
from membench.tui.common.colours import QUIET, TIME_COLOURS
from membench.units import format_share

TOLD_FROM = 0.005
"""Smaller shares round to nothing and are not put in words."""
LINES_MAX = 3
GAP = "  "


class Part(NamedTuple):
    """One share of client time and how it is drawn."""

    name: str
    fill: str
    """Its own character: colour never stands alone."""
    share: float
    colour: str
    behind: str

    @property
    def style(self) -> str:
        """Of its fill."""
        return f"{self.colour} on {self.behind}" if self.behind else self.colour


class TimeBar(Canvas):
    """The bar in the first line, words in those below."""

    shares: reactive[Shares] = reactive(Shares())
    """What is drawn."""

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The bar and as many lines as its words take."""
        return 1 + len(in_lines(parts_of(self.shares), width, LINES_MAX))

    def watch_shares(self) -> None:
        """Make room where the height goes by the words."""
        if self.styles.is_auto_height:
            self.refresh(layout=True)

    def lines(self, width: int, height: int) -> Sequence[Text]:
        """The bar and its words."""
        parts = parts_of(self.shares)
        if not parts:
            return note(self.empty)
        return [Text.assemble(*bar_of(parts, width)), *in_lines(parts, width, height - 1)]


def parts_of(shares: Shares) -> list[Part]:
    """The shares that are known, waiting for locks first; what they leave is a part of its own."""
    parts = [
        Part(name, fill, share, *TIME_COLOURS[field])
        for field, name, fill in TIME_PARTS
        if (share := getattr(shares, field.removeprefix("time_"))) is not None
    ]
    rest = 1.0 - sum(part.share for part in parts)
    if parts and rest > TOLD_FROM:
        parts.append(Part("not known", " ", rest, QUIET, ""))
    return parts


def bar_of(parts: Sequence[Part], width: int) -> list[tuple[str, str]]:
    """Stretches of the bar and their styles, `width` cells in all."""
    pieces = []
    begun = at = 0
    done = 0.0
    for part in parts:
        done += part.share
        at = min(round(done * width), width)
        pieces.append((part.fill * (at - begun), part.style))
        begun = at
    return [*pieces, (" " * (width - at), "")]


def in_lines(parts: Sequence[Part], width: int, rows: int) -> list[Text]:
    """`█ lock 84 %  ▒ waiting for a core 7 %`, in at most so many lines; an ellipsis where they do not do."""
    lines = [Text()]
    for part in parts:
        if part.share < TOLD_FROM:
            continue
        words = Text.assemble((part.fill, part.style), f" {part.name} ", (format_share(part.share), "bold"))
        if lines[-1] and len(lines[-1]) + len(GAP) + len(words) > width:
            if len(lines) == rows:
                lines[-1].append(" …")
                break
            lines.append(Text())
        lines[-1] = Text(GAP).join([lines[-1], words]) if lines[-1] else words
    return lines[:rows]
