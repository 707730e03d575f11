"""The chart of throughput over time, drawn while a run is measured.

It sets braille dots itself. plotext, which draws the static charts, takes five times as long, and that processor time
would be missing from the run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby, pairwise

import msgspec
from rich.segment import Segment
from rich.style import Style
from textual.reactive import reactive

from membench.tui.common.canvas import Canvas, Line, placeholder
from membench.tui.common.colours import GRID, QUIET
from membench.units import format_duration

MIN_SIZE = (24, 4)
"""Columns and rows that a readable chart needs."""
DOT_COLUMNS, DOT_ROWS = 2, 4
"""Braille dots in a cell."""
BRAILLE = 0x2800
"""The code point of the empty braille pattern."""
DOT_BITS = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))
"""The bit of each dot in a cell, by its column, then by its row from the bottom."""
HEADROOM = 1.08
"""The top of the rate axis, as a multiple of the highest rate."""
ROWS_PER_TICK = 3
AXIS_ROWS = 2
"""Rows of the time axis: the line and its labels."""

NO_ROOM = "no room for a chart"

Cell = tuple[str, str]
"""A character and its colour."""
EMPTY: Cell = (" ", QUIET)


class Level(msgspec.Struct, frozen=True):
    """A horizontal reference line."""

    memories_per_s: float
    label: str


class Curve(msgspec.Struct, frozen=True):
    """Rates over time, with reference lines behind them."""

    points: tuple[tuple[float, float], ...] = ()
    """Seconds, and memories per second."""
    colour: str = QUIET
    span_s: float = 1.0
    """The least length of the time axis in seconds."""
    levels: tuple[Level, ...] = ()
    """Solid reference lines, in the order of their importance."""
    limit: Level | None = None
    """A dashed reference line: the best rate found for the machine."""
    from_s: float = 0.0
    """The start of the time axis."""
    caption: str = ""
    """Text on the time axis."""


def has_room(width: int, height: int) -> bool:
    """Return whether a chart of this size is readable."""
    return width >= MIN_SIZE[0] and height >= MIN_SIZE[1]


class Chart(Canvas):
    """Throughput over time."""

    curve: reactive[Curve] = reactive(Curve())
    """The curve to draw."""

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Return the chart, or why there is none."""
        if not self.curve.points:
            return placeholder(self.empty)
        if not has_room(width, height):
            return placeholder(NO_ROOM)
        return draw(self.curve, width, height)


def draw(curve: Curve, width: int, height: int) -> list[list[Segment]]:
    """Return the lines of a curve with its axes and reference lines."""
    end_s = max(curve.points[-1][0], curve.from_s + curve.span_s)
    references = [*([curve.limit] if curve.limit else []), *curve.levels]
    # From all points, not from the means that are drawn, so that the scale does not change when points are averaged.
    highest = max(max(rate for _, rate in curve.points), *(each.memories_per_s for each in references), 0.0)
    top = HEADROOM * (highest or 1.0)
    rows = height - AXIS_ROWS
    ticks = rate_ticks(top, rows // ROWS_PER_TICK)
    margin = max(map(len, ticks.values()))
    columns = width - margin - 1
    field = [[EMPTY] * columns for _ in range(rows)]
    levels = _by_row(references, top, rows)
    for row, level in levels.items():
        field[row] = [("╌", QUIET) if level is curve.limit else ("─", GRID)] * columns
    for (row, column), bits in _dots(curve, end_s, top, columns, rows).items():
        field[row][column] = (chr(BRAILLE + bits), curve.colour)
    for row, level in levels.items():
        label = f" {level.label}"[:columns]
        field[row][columns - len(label) :] = [(letter, QUIET) for letter in label]
    labels = {_row(rate / top, rows): label for rate, label in ticks.items()}
    return [
        *(_segments([*_rate_label(labels.get(row, ""), margin), *cells]) for row, cells in enumerate(field)),
        *_time_axis(curve, end_s, margin, columns),
    ]


def _row(share: float, rows: int) -> int:
    """Return the row, from the top, of a share of the rate axis."""
    return rows - 1 - min(int(share * rows), rows - 1)


def _dots(curve: Curve, end_s: float, top: float, columns: int, rows: int) -> dict[tuple[int, int], int]:
    """Return the bits of the braille cells of the curve, by row and column."""
    per_s, per_rate = (columns * DOT_COLUMNS - 1) / (end_s - curve.from_s), (rows * DOT_ROWS - 1) / top
    dots = [
        (round((at_s - curve.from_s) * per_s), round(rate * per_rate))
        for at_s, rate in downsampled(curve.points, columns * DOT_COLUMNS)
        if at_s >= curve.from_s
    ]
    cells: dict[tuple[int, int], int] = {}
    for start, end in pairwise([dots[0], *dots] if dots else []):
        for x, y in _straight_line(start, end):
            cell = rows - 1 - y // DOT_ROWS, x // DOT_COLUMNS
            cells[cell] = cells.get(cell, 0) | DOT_BITS[x % DOT_COLUMNS][y % DOT_ROWS]
    return cells


def _straight_line(start: tuple[int, int], end: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Yield the dots of a straight line, including both ends."""
    (x, y), (end_x, end_y) = start, end
    steps = max(abs(end_x - x), abs(end_y - y), 1)
    for step in range(steps + 1):
        yield x + round((end_x - x) * step / steps), y + round((end_y - y) * step / steps)


def rate_ticks(top: float, max_steps: int) -> dict[float, str]:
    """Return the labels of round rates from 0 to the top of an axis, in at most about `max_steps` steps."""
    step = nice_step(top, max(max_steps, 2))
    return {step * number: f"{step * number:,.10g} /s" if number else "0" for number in range(int(top / step) + 1)}


def _rate_label(label: str, margin: int) -> list[Cell]:
    return [*((letter, QUIET) for letter in label.rjust(margin)), ("┤" if label else "│", GRID)]


def _time_axis(curve: Curve, end_s: float, margin: int, columns: int) -> tuple[list[Segment], list[Segment]]:
    """Return the axis and the line of its labels."""
    span_s = end_s - curve.from_s
    step = nice_step(span_s, max(columns // 12, 1))
    line, labels = [("─", GRID)] * columns, ""
    for number in range(math.ceil(curve.from_s / step - 1e-9), math.floor(end_s / step + 1e-9) + 1):
        column = min(round((step * number - curve.from_s) / span_s * (columns - 1)), columns - 1)
        label = _seconds(step * number, step)
        start = min(max(margin + 1 + column - len(label) // 2, 0), margin + 1 + columns - len(label))
        if start > len(labels) or not labels:
            line[column] = ("┬", GRID)
            labels = labels.ljust(start) + label
    if curve.caption:
        caption = f" {curve.caption} "
        line[columns - len(caption) - 1 : columns - 1] = [(letter, QUIET) for letter in caption]
    return _segments([*((letter, GRID) for letter in "└".rjust(margin + 1)), *line]), _segments([(labels, QUIET)])


def _segments(cells: Sequence[Cell]) -> list[Segment]:
    by_colour = groupby(cells, key=lambda cell: cell[1])
    return [Segment("".join(text for text, _ in group), _style(colour)) for colour, group in by_colour]


@lru_cache
def _style(colour: str) -> Style:
    return Style(color=colour)


def downsampled(points: Sequence[tuple[float, float]], max_points: int) -> list[tuple[float, float]]:
    """Return at most `max_points` points, each the mean of consecutive points."""
    size = math.ceil(len(points) / max_points)
    groups = (points[at : at + size] for at in range(0, len(points), size))
    return [(group[-1][0], sum(y for _, y in group) / len(group)) for group in groups]


def _by_row(levels: Sequence[Level], top: float, rows: int) -> dict[int, Level]:
    """Return the reference lines by row; of two in the same row only the first, so that no label covers another."""
    by_row: dict[int, Level] = {}
    for level in levels:
        by_row.setdefault(_row(level.memories_per_s / top, rows), level)
    return by_row


def nice_step(span: float, max_steps: int) -> float:
    """Return the smallest of 1, 2 or 5 times a power of ten that divides a span into at most `max_steps` steps."""
    raw = span / max(max_steps, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)


def _seconds(tick: float, step: float) -> str:
    if not tick:
        return "0 s"
    if step < 1:
        return f"{tick:.{max(-math.floor(math.log10(step)), 0)}f} s"
    return format_duration(tick)
