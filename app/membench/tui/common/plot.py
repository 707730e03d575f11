"""The static charts: plotext's figure with our axes, and its output as lines of a canvas."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from membench.tui.common.canvas import Line, placeholder
from membench.tui.common.chart import NO_ROOM, has_room
from membench.tui.common.colours import GRID, QUIET, hue_of

WHITE_BACKGROUND = "\x1b[48;5;15m"
"""The background that plotext gives to axes and labels; it cannot keep the terminal's own."""
COLOUR_CODE = re.compile(r"\x1b\[([\d;]*)m")
MARKERS = "●◆▲■▼○◇△□▽"
"""One per run, because colour never carries meaning alone. The eleventh run has the first marker again."""
LEGEND_FRACTION = 4
"""A legend takes at most one in this many rows; the table of runs has the markers too."""
Points = Sequence[tuple[float, float]]


class Series(msgspec.Struct, frozen=True):
    """The data of a run or a system in a chart, and how to recognise it."""

    name: str
    marker: str
    hue: int


def marker_of(position: int) -> str:
    """Return the marker of a run, given its position among the compared runs."""
    return MARKERS[position % len(MARKERS)]


def legend(series: Sequence[Series], width: int, max_lines: int) -> list[Text]:
    """Return lines such as `● mutex   ◆ adaptive`, with an ellipsis at the end if they do not fit."""
    lines = [Text()]
    for each in series:
        entry = Text.assemble((each.marker, hue_of(each.hue)), f" {each.name}")
        if lines[-1] and len(lines[-1]) + 3 + len(entry) > width:
            lines.append(Text())
        lines[-1] = Text("   ").join([lines[-1], entry]) if lines[-1] else entry
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    if len(lines) > max_lines:
        lines[max_lines - 1].truncate(width - 2)
        lines[max_lines - 1].append(" …")
    return lines[:max_lines]


AnySeries = TypeVar("AnySeries", bound=Series)


def with_legend(
    series: Sequence[AnySeries],
    empty: str,
    width: int,
    height: int,
    draw: Callable[[Sequence[AnySeries], int, int], list[list[Segment]]],
) -> Sequence[Line]:
    """Return a legend and the chart below it, or why there is no chart.

    Args:
        series: The series to draw.
        empty: Text to display if there are no series.
        width: Columns available.
        height: Rows available, including those of the legend.
        draw: Returns the chart of the series, given its columns and rows.
    """
    if not series:
        return placeholder(empty)
    head = legend(series, width, max(height // LEGEND_FRACTION, 1))
    if not has_room(width, height - len(head)):
        return placeholder(NO_ROOM)
    return [*head, *draw(series, width, height - len(head))]


class Plot:
    """A chart while it is built. Use it in the UI thread only: plotext has a single global figure."""

    def __init__(self, width: int, height: int) -> None:
        import plotext

        self._plotext = plotext
        self._figure = plotext.figure
        self._figure.clear()
        self._figure.plot_size(width, height)
        self._figure.canvas("default")
        self._figure.axes(active=False, axis="both", side=1)
        self._figure.axes(active=True, axis="both", side=0, pixel=self._pixel(GRID))

    def axis(self, side: str, limits: tuple[float, float], ticks: Mapping[float, str]) -> None:
        """Set the limits of the axis `x` or `y`, and the labels of its ticks by value."""
        ruler = self._figure.ruler(side, "lower" if side == "x" else "left")
        ruler.lim(*limits)
        ruler.pixel(self._pixel(QUIET))
        ruler.ticks(list(ticks), list(ticks.values()))

    def line(self, points: Points, colour: str) -> None:
        """Add a curve of braille dots."""
        self._figure.draw(self._signal(points, "braille", colour).lines())

    def reference_line(self, points: Points) -> None:
        """Add a dotted grey curve; later curves cover it."""
        self._figure.draw(self._signal(points, "·", GRID).lines())

    def markers(self, points: Points, marker: str, colour: str) -> None:
        """Add a marker at each point."""
        self._figure.draw(self._signal(points, marker, colour))

    def rows(self) -> list[list[Segment]]:
        """Return the lines of the chart."""
        text = str(self._figure.build().string()).replace(WHITE_BACKGROUND, "")
        return [_segments(line) for line in text.splitlines()]

    def _signal(self, points: Points, character: str, colour: str) -> Any:
        marker = self._plotext.marker(character, pixel=self._pixel(colour))
        return self._figure.signal([x for x, _ in points], [y for _, y in points], marker=marker)

    def _pixel(self, colour: str) -> Any:
        return self._plotext.pixel((int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)))


def load() -> None:
    """Import plotext, so that the first chart does not wait for it."""
    import plotext  # noqa: F401


def _segments(line: str) -> list[Segment]:
    """Parse a line of plotext's output, whose only codes set or reset the foreground colour."""
    pieces = COLOUR_CODE.split(line)
    coloured = zip(pieces[1::2], pieces[2::2], strict=True)
    return [Segment(pieces[0]), *(Segment(text, _style(code)) for code, text in coloured if text)]


@lru_cache
def _style(code: str) -> Style:
    kind, _, rgb = code.partition(";2;")
    return Style(color=Color.from_rgb(*map(int, rgb.split(";")))) if kind == "38" and rgb else Style.null()
