"""Labelled facts, wrapped so that the labels stand alone in their column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from rich.text import Text
from textual.geometry import Size
from textual.reactive import reactive

from membench.tui.common.canvas import Canvas
from membench.tui.common.colours import QUIET


class Fact(msgspec.Struct, frozen=True):
    """A label and its text."""

    label: str
    items: tuple[str, ...]
    """Parts of the text; lines are wrapped between them only."""
    gap: str = "  "
    """Text between two items."""
    style: str = ""


def prose(label: str, text: str, style: str = "") -> Fact:
    """Return a fact of running text."""
    return Fact(label, tuple(text.split()), " ", style)


class Facts(Canvas):
    """Facts one below the other, as high as they need to be."""

    facts: reactive[tuple[Fact, ...]] = reactive((), layout=True)
    """The facts to display."""

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the number of all lines."""
        return len(self.lines(width, 0))

    def lines(self, width: int, height: int) -> list[Text]:
        """Return all lines, however high the widget is."""
        indent = max((len(fact.label) for fact in self.facts), default=0) + 2
        return [line for fact in self.facts for line in _lines_of(fact, indent, width)]


def _lines_of(fact: Fact, indent: int, width: int) -> Iterator[Text]:
    label = fact.label
    for line in wrapped(fact.items, fact.gap, max(width - indent, 8)):
        yield Text.assemble((label.ljust(indent), QUIET), (line, fact.style))
        label = ""


def wrapped(items: Sequence[str], gap: str, width: int) -> Iterator[str]:
    """Yield the items in lines of at most `width` columns; only an item that is longer than a line is broken."""
    line = ""
    for item in items:
        if line and len(line) + len(gap) + len(item) > width:
            yield line
            line = ""
        line = f"{line}{gap}{item}" if line else item
        while len(line) > width:
            yield line[:width]
            line = line[width:]
    if line:
        yield line
