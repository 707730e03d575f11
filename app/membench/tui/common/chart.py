"""Throughput over time, drawn while it is measured.

It is drawn here, dot by dot: plotext, which draws the charts that stand still, takes five times as long, and what it
takes is taken from what is being measured.
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

from membench.tui.common.canvas import Canvas, Line, note
from membench.tui.common.colours import GRID, QUIET
from membench.units import format_duration

SMALLEST = (24, 4)
"""Columns and rows below which no chart can be read."""
ACROSS, DOWN = 2, 4
"""Braille dots in a cell."""
BRAILLE = 0x2800
DOTS = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))
"""The bit of each dot of a cell: by its column, and by its row from the bottom."""
HEADROOM = 1.08
"""The top of an axis, as a multiple of the highest rate on it."""
ROWS_PER_TICK = 3
AXIS_ROWS = 2
"""The time axis and its labels."""

Cell = tuple[str, str]
"""A character and its colour."""
EMPTY: Cell = (" ", QUIET)


class Level(msgspec.Struct, frozen=True):
    """A line across the chart to hold the curve against."""

    value: float
    label: str


class Curve(msgspec.Struct, frozen=True):
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
    caption: str = ""
    """What to say of the time axis, on it."""


class Chart(Canvas):
    """Throughput over time. Empty, it says what it waits for."""

    curve: reactive[Curve] = reactive(Curve())
    """What is drawn."""

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """The chart."""
        if not self.curve.points or width < SMALLEST[0] or height < SMALLEST[1]:
            return note("no room for a chart" if self.curve.points else self.empty)
        return draw(self.curve, width, height)


def draw(curve: Curve, width: int, height: int) -> list[list[Segment]]:
    """A curve with its axes, over the levels it is held against."""
    end_s = max(curve.points[-1][0], curve.from_s + curve.span_s)
    lines = [*([curve.limit] if curve.limit else []), *curve.levels]
    # Every point, not the means that are drawn: the scale stays where it is when points are joined.
    top = HEADROOM * (max(max(rate for _, rate in curve.points), *(line.value for line in lines), 0.0) or 1.0)
    rows = height - AXIS_ROWS
    ticks = rate_ticks(top, rows // ROWS_PER_TICK)
    margin = max(map(len, ticks.values()))
    columns = width - margin - 1
    field = [[EMPTY] * columns for _ in range(rows)]
    levels = readable(lines, top, rows)
    for row, level in levels.items():
        field[row] = [("╌", QUIET) if level is curve.limit else ("─", GRID)] * columns
    for (row, column), bits in _dots(curve, end_s, top, columns, rows).items():
        field[row][column] = (chr(BRAILLE + bits), curve.colour)
    for row, level in levels.items():
        label = f" {level.label}"[:columns]
        field[row][columns - len(label) :] = [(letter, QUIET) for letter in label]
    named = {_row(rate / top, rows): label for rate, label in ticks.items()}
    return [
        *(_segments([*_rate_label(named.get(row, ""), margin), *cells]) for row, cells in enumerate(field)),
        *_time_axis(curve, end_s, margin, columns),
    ]


def _row(share: float, rows: int) -> int:
    """The row of a share of the highest rate, from the top."""
    return rows - 1 - min(int(share * rows), rows - 1)


def _dots(curve: Curve, end_s: float, top: float, columns: int, rows: int) -> dict[tuple[int, int], int]:
    """The curve as bits of braille cells, by row and column."""
    per_s, per_rate = (columns * ACROSS - 1) / (end_s - curve.from_s), (rows * DOWN - 1) / top
    dots = [
        (round((at_s - curve.from_s) * per_s), round(rate * per_rate))
        for at_s, rate in downsampled(curve.points, columns * ACROSS)
        if at_s >= curve.from_s
    ]
    cells: dict[tuple[int, int], int] = {}
    for one, other in pairwise([dots[0], *dots] if dots else []):
        for x, y in _between(one, other):
            cell = rows - 1 - y // DOWN, x // ACROSS
            cells[cell] = cells.get(cell, 0) | DOTS[x % ACROSS][y % DOWN]
    return cells


def _between(one: tuple[int, int], other: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """The dots of a straight line, both ends included."""
    (x, y), (end_x, end_y) = one, other
    steps = max(abs(end_x - x), abs(end_y - y), 1)
    for step in range(steps + 1):
        yield x + round((end_x - x) * step / steps), y + round((end_y - y) * step / steps)


def rate_ticks(top: float, most: int) -> dict[float, str]:
    """Round rates from 0 to the top of an axis, at most about `most` steps, with what is written at them."""
    step = nice_step(top, max(most, 2))
    return {step * number: f"{step * number:,.10g} /s" if number else "0" for number in range(int(top / step) + 1)}


def _rate_label(label: str, margin: int) -> list[Cell]:
    return [*((letter, QUIET) for letter in label.rjust(margin)), ("┤" if label else "│", GRID)]


def _time_axis(curve: Curve, end_s: float, margin: int, columns: int) -> tuple[list[Segment], list[Segment]]:
    """The axis, and below it its labels."""
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
        words = f" {curve.caption} "
        line[columns - len(words) - 1 : columns - 1] = [(letter, QUIET) for letter in words]
    return _segments([*((letter, GRID) for letter in "└".rjust(margin + 1)), *line]), _segments([(labels, QUIET)])


def _segments(cells: Sequence[Cell]) -> list[Segment]:
    stretches = groupby(cells, key=lambda cell: cell[1])
    return [Segment("".join(text for text, _ in stretch), _style(colour)) for colour, stretch in stretches]


@lru_cache
def _style(colour: str) -> Style:
    return Style(color=colour)


def downsampled(points: Sequence[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """At most about `most` points: each the mean of its neighbours."""
    size = math.ceil(len(points) / most)
    groups = (points[at : at + size] for at in range(0, len(points), size))
    return [(group[-1][0], sum(y for _, y in group) / len(group)) for group in groups]


def readable(levels: Sequence[Level], top: float, rows: int) -> dict[int, Level]:
    """The levels by their rows: where two share one, the first stays, so that no label covers another."""
    kept: dict[int, Level] = {}
    for level in levels:
        kept.setdefault(_row(level.value / top, rows), level)
    return kept


def nice_step(span: float, most: int) -> float:
    """The smallest of 1, 2 or 5 times a power of ten that divides a span into at most `most` steps."""
    raw = span / max(most, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)


def _seconds(tick: float, step: float) -> str:
    if not tick:
        return "0 s"
    if step < 1:
        return f"{tick:.{max(-math.floor(math.log10(step)), 0)}f} s"
    return format_duration(tick)
