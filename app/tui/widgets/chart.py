"""A line chart, drawn by plotext into a widget of ours."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.reactive import reactive

from app.tui.colours import GRID, QUIET
from app.tui.widgets.canvas import Canvas, note
from app.units import format_duration

SMALLEST = (24, 4)
"""Columns and rows below which no chart can be read."""
DOTS_PER_CELL = 2
"""Braille dots across a cell."""
WHITE_BACKGROUND = "\x1b[48;5;15m"
"""What plotext puts behind axes and labels; it knows no way to leave the terminal's own."""
COLOUR_CODE = re.compile(r"\x1b\[([\d;]*)m")


@dataclass(frozen=True, slots=True)
class Level:
    """A line across the chart to hold the curve against."""

    value: float
    label: str


@dataclass(frozen=True, slots=True)
class Curve:
    """Rates over time, in a colour; `levels` are drawn in grey behind it."""

    points: tuple[tuple[float, float], ...] = ()
    """Seconds and memories a second."""
    colour: str = QUIET
    span_s: float = 1.0
    """Seconds that the time axis has at least."""
    levels: tuple[Level, ...] = ()
    limit: Level | None = None
    """A dashed line: the most there can be."""
    from_s: float = 0.0
    """Where the time axis begins."""


class Chart(Canvas):
    """Throughput over time. Empty, it says what it waits for."""

    curve: reactive[Curve] = reactive(Curve())
    """What is drawn."""
    empty: reactive[str] = reactive("")
    """What to say instead while there is nothing to draw."""

    def lines(self, width: int, height: int) -> Sequence[Text | list[Segment]]:
        """The chart."""
        if not self.curve.points or width < SMALLEST[0] or height < SMALLEST[1]:
            return note("no room for a chart" if self.curve.points else self.empty)
        return [segments(line) for line in draw(self.curve, width, height).splitlines()]


def segments(line: str) -> list[Segment]:
    """A line of plotext's as stretches with their styles. It knows foreground colours and their end, no more."""
    pieces = COLOUR_CODE.split(line)
    coloured = zip(pieces[1::2], pieces[2::2], strict=True)
    return [Segment(pieces[0]), *(Segment(text, _style(code)) for code, text in coloured if text)]


@lru_cache
def _style(code: str) -> Style:
    kind, _, rgb = code.partition(";2;")
    return Style(color=Color.from_rgb(*map(int, rgb.split(";")))) if kind == "38" and rgb else Style.null()


def load() -> None:
    """Import plotext: not at the first draw, which comes when a run has just begun to measure."""
    import plotext  # noqa: F401


def draw(curve: Curve, width: int, height: int) -> str:
    """A curve as text with colour codes. On the UI thread only: plotext has one figure for everybody."""
    import plotext

    figure = plotext.figure
    figure.clear()
    figure.plot_size(width, height)
    figure.canvas("default")
    figure.axes(active=False, axis="both", side=1)
    quiet, grid = plotext.pixel(rgb(QUIET)), plotext.pixel(rgb(GRID))
    figure.axes(active=True, axis="both", side=0, pixel=grid)
    points = downsampled(curve.points, width * DOTS_PER_CELL)
    lines = [*([curve.limit] if curve.limit else []), *curve.levels]
    top = _scale_y(figure, quiet, points, lines, height)
    end_s = max(points[-1][0], curve.from_s + curve.span_s)
    _scale_x(figure, quiet, curve.from_s, end_s, width)
    levels = readable(lines, top / height)
    for level in levels:
        marker = plotext.marker("╌" if level is curve.limit else "─", pixel=quiet if level is curve.limit else grid)
        figure.draw(figure.signal([curve.from_s, end_s], [level.value, level.value], marker=marker).lines())
    marker = plotext.marker("braille", pixel=plotext.pixel(rgb(curve.colour)))
    figure.draw(figure.signal([x for x, _ in points], [y for _, y in points], marker=marker).lines())
    for level in levels:
        figure.draw(figure.text(end_s, level.value, plotext.colorize(f" {level.label}", quiet), alignment="right"))
    return str(figure.build().string()).replace(WHITE_BACKGROUND, "")


def downsampled(points: Sequence[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """At most about `most` points: each the mean of its neighbours."""
    size = math.ceil(len(points) / most)
    groups = (points[at : at + size] for at in range(0, len(points), size))
    return [(group[-1][0], sum(y for _, y in group) / len(group)) for group in groups]


def readable(levels: Sequence[Level], row: float) -> list[Level]:
    """The levels that are at least a row apart, so that no label covers another."""
    kept: list[Level] = []
    for level in levels:
        if all(abs(level.value - other.value) > row * 1.5 for other in kept):
            kept.append(level)
    return kept


def nice_step(span: float, most: int) -> float:
    """The smallest of 1, 2 or 5 times a power of ten that divides a span into at most `most` steps."""
    raw = span / max(most, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)


def _scale_y(
    figure: Any, pixel: Any, points: Sequence[tuple[float, float]], levels: Sequence[Level], rows: int
) -> float:
    highest = max([y for _, y in points] + [level.value for level in levels]) or 1.0
    top = highest * 1.08
    step = nice_step(top, max(rows // 3, 2))
    ticks = [step * number for number in range(int(top / step) + 1)]
    ruler = figure.ruler("y", "left")
    ruler.lim(0, top)
    ruler.pixel(pixel)
    ruler.ticks(ticks, [f"{tick:,.10g} /s" if tick else "0" for tick in ticks])
    return top


def _scale_x(figure: Any, pixel: Any, from_s: float, end_s: float, columns: int) -> None:
    step = nice_step(end_s - from_s, columns // 12)
    first, last = math.ceil(from_s / step - 1e-9), math.floor(end_s / step + 1e-9)
    ticks = [step * number for number in range(first, last + 1)]
    ruler = figure.ruler("x", "lower")
    ruler.lim(from_s, end_s)
    ruler.pixel(pixel)
    ruler.ticks(ticks, [_seconds(tick, step) for tick in ticks])


def _seconds(tick: float, step: float) -> str:
    if not tick:
        return "0 s"
    if step < 1:
        return f"{tick:.{max(-math.floor(math.log10(step)), 0)}f} s"
    return format_duration(tick)


def rgb(colour: str) -> tuple[int, int, int]:
    """A colour such as `#5fb3f0` as plotext takes it."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
