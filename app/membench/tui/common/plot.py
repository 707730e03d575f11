"""What charts with curves share: plotext's figure with our axes, and what it draws as lines of a canvas."""

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

from membench.tui.common.canvas import Line, note
from membench.tui.common.chart import SMALLEST
from membench.tui.common.colours import GRID, QUIET, hue_of

WHITE_BACKGROUND = "\x1b[48;5;15m"
"""What plotext puts behind axes and labels; it knows no way to leave the terminal's own."""
COLOUR_CODE = re.compile(r"\x1b\[([\d;]*)m")
SIGNS = "●◆▲■▼○◇△□▽"
"""One a run, as its hue is: colour never stands alone. After the last they begin anew."""
LEGEND_SHARE = 4
"""A legend takes at most this part of the rows: the table has the signs too."""
Points = Sequence[tuple[float, float]]


class Series(msgspec.Struct, frozen=True):
    """What is drawn of one run, or of one system, and how it is told from the others."""

    name: str
    sign: str
    hue: int


def sign_of(position: int) -> str:
    """The sign of a run by its position among those compared."""
    return SIGNS[position % len(SIGNS)]


def legend(series: Sequence[Series], width: int, most: int) -> list[Text]:
    """`● mutex  ◆ adaptive` in at most so many lines; an ellipsis where they do not do."""
    lines = [Text()]
    for each in series:
        words = Text.assemble((each.sign, hue_of(each.hue)), f" {each.name}")
        if lines[-1] and len(lines[-1]) + 3 + len(words) > width:
            lines.append(Text())
        lines[-1] = Text("   ").join([lines[-1], words]) if lines[-1] else words
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    if len(lines) > most:
        lines[most - 1].truncate(width - 2)
        lines[most - 1].append(" …")
    return lines[:most]


Drawn = TypeVar("Drawn", bound=Series)


def below_legend(
    series: Sequence[Drawn],
    empty: str,
    width: int,
    height: int,
    draw: Callable[[Sequence[Drawn], int, int], list[list[Segment]]],
) -> Sequence[Line]:
    """A chart of series below their legend; `empty` where there is none, and a word where there is no room."""
    if not series:
        return note(empty)
    head = legend(series, width, max(height // LEGEND_SHARE, 1))
    if not has_room(width, height - len(head)):
        return note("no room for a chart")
    return [*head, *draw(series, width, height - len(head))]


def has_room(width: int, height: int) -> bool:
    """Whether a chart of this size can be read."""
    return width >= SMALLEST[0] and height >= SMALLEST[1]


class Plot:
    """One chart under way. On the UI thread only: plotext has one figure for everybody."""

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
        """Set an axis, `x` or `y`: what it reaches from and to, and what is written where."""
        ruler = self._figure.ruler(side, "lower" if side == "x" else "left")
        ruler.lim(*limits)
        ruler.pixel(self._pixel(QUIET))
        ruler.ticks(list(ticks), list(ticks.values()))

    def line(self, points: Points, colour: str) -> None:
        """A curve, in dots finer than a cell."""
        self._figure.draw(self._signal(points, "braille", colour).lines())

    def behind(self, points: Points) -> None:
        """A curve that others are held against."""
        self._figure.draw(self._signal(points, "·", GRID).lines())

    def signs(self, points: Points, sign: str, colour: str) -> None:
        """A sign at each point."""
        self._figure.draw(self._signal(points, sign, colour))

    def words(self, at: tuple[float, float], text: str) -> None:
        """Words that end at a point."""
        written = self._plotext.colorize(f" {text}", self._pixel(QUIET))
        self._figure.draw(self._figure.text(*at, written, alignment="right"))

    def rows(self) -> list[list[Segment]]:
        """The chart."""
        drawn = str(self._figure.build().string()).replace(WHITE_BACKGROUND, "")
        return [segments(line) for line in drawn.splitlines()]

    def _signal(self, points: Points, character: str, colour: str) -> Any:
        marker = self._plotext.marker(character, pixel=self._pixel(colour))
        return self._figure.signal([x for x, _ in points], [y for _, y in points], marker=marker)

    def _pixel(self, colour: str) -> Any:
        return self._plotext.pixel(rgb(colour))


def load() -> None:
    """Import plotext: not at the first draw, for which somebody waits."""
    import plotext  # noqa: F401


def segments(line: str) -> list[Segment]:
    """A line of plotext's as stretches with their styles. It knows foreground colours and their end, no more."""
    pieces = COLOUR_CODE.split(line)
    coloured = zip(pieces[1::2], pieces[2::2], strict=True)
    return [Segment(pieces[0]), *(Segment(text, _style(code)) for code, text in coloured if text)]


@lru_cache
def _style(code: str) -> Style:
    kind, _, rgb = code.partition(";2;")
    return Style(color=Color.from_rgb(*map(int, rgb.split(";")))) if kind == "38" and rgb else Style.null()


def rgb(colour: str) -> tuple[int, int, int]:
    """A colour such as `#5fb3f0` as plotext takes it."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
