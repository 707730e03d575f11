"""How long operations took: a histogram on a log axis, with its percentiles marked."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text
from textual.content import Content
from textual.reactive import reactive

from membench.tui.common.canvas import Canvas, note
from membench.tui.common.colours import GRID, QUIET
from membench.tui.common.snapshot import BINS_PER_DECADE, PERCENTILES, Latencies, bin_of
from membench.units import format_latency

BLOCKS = " ▁▂▃▄▅▆▇█"
ROWS_AROUND = 4
"""Rows that the names of the marks, the marks, the axis and its labels take."""
NS_PER_MS = 1e6
LEAST_IMPORTANT = ("p90", "p99.9")


class Histogram(Canvas):
    """Operations by latency. Empty, it says what it waits for."""

    latencies: reactive[Latencies] = reactive(Latencies())
    """What is drawn."""
    colour: reactive[str] = reactive(QUIET)
    """The hue of the run."""

    def lines(self, width: int, height: int) -> Sequence[Text]:
        """The histogram."""
        if not self.latencies.bins:
            return note(self.empty)
        if width < 20 or height <= ROWS_AROUND:
            return []
        return draw(self.latencies, self.colour, width, height)


def draw(latencies: Latencies, colour: str, width: int, height: int) -> list[Text]:
    """Marks of the percentiles, bars, the axis with its decades."""
    axis = _Axis(latencies, width)
    return [*_marks(latencies, axis), *_bars(axis.heights(latencies.bins, height - ROWS_AROUND), colour), *axis.lines()]


class _Axis:
    """Whole decades of latency, from left to right."""

    def __init__(self, latencies: Latencies, width: int) -> None:
        self.width = width
        self.first = latencies.bins[0][0] // BINS_PER_DECADE
        self.decades = max(latencies.bins[-1][0] // BINS_PER_DECADE + 1 - self.first, 1)

    def column(self, number: float) -> int:
        """Where a bin is drawn."""
        share = (number - self.first * BINS_PER_DECADE) / (self.decades * BINS_PER_DECADE)
        return min(int(share * self.width), self.width - 1)

    def heights(self, bins: Sequence[tuple[int, int]], rows: int) -> list[list[int]]:
        """Eighths of a cell to fill, by row from the top and by column; whatever happened at all can be seen."""
        counts = [0.0] * self.width
        for number, count in bins:
            start, end = self.column(number), max(self.column(number + 1), self.column(number) + 1)
            for column in range(start, min(end, self.width)):
                counts[column] += count / (end - start)
        highest = max(counts)
        eighths = [max(round(count / highest * rows * 8), 1) if count else 0 for count in counts]
        return [[min(max(tall - 8 * row, 0), 8) for tall in eighths] for row in reversed(range(rows))]

    def lines(self) -> tuple[Text, Text]:
        """The axis and, below it, where the decades begin."""
        line, labels = list("─" * self.width), ""
        for decade in range(self.decades + 1):
            label = _decade_label(self.first + decade)
            column = round(decade / self.decades * self.width)
            start = min(column, self.width - len(label))
            line[min(column, self.width - 1)] = "┴" if 0 < column < self.width else line[min(column, self.width - 1)]
            if start > len(labels) or not labels:
                labels = labels.ljust(start) + label
        return Text("".join(line), GRID), Text(labels, QUIET)


def _decade_label(decade: int) -> str:
    number, unit = 10 ** (decade % 3), ("ns", "µs", "ms", "s")[min(decade // 3, 3)]
    return f"{number * 1000 ** max(decade // 3 - 3, 0)} {unit}"


def _bars(rows: list[list[int]], colour: str) -> list[Text]:
    style = Style(color=colour)
    return [Text("".join(BLOCKS[eighths] for eighths in row), style) for row in rows]


def _marks(latencies: Latencies, axis: _Axis) -> tuple[Text, Text]:
    """A mark over each percentile, and above it its name: beside it where marks are close, in their order always."""
    marks = [" "] * axis.width
    names = [f"p{percentile:g}" for percentile in PERCENTILES]
    starts: list[int] = []
    for name, value in zip(names, latencies.percentiles_ms, strict=True):
        column = axis.column(bin_of(int(value * NS_PER_MS)) + 0.5)
        marks[column] = "▾"
        after = starts[-1] + len(names[len(starts) - 1]) + 1 if starts else 0
        starts.append(max(column - len(name) // 2, after))
    room = axis.width
    line = [" "] * axis.width
    for name, start in reversed(list(zip(names, starts, strict=True))):
        start = min(start, room - len(name))
        line[start : start + len(name)] = name
        room = start - 1
    return Text("".join(line), QUIET), Text("".join(marks), QUIET)


def named(latencies: Latencies) -> list[tuple[str, str]]:
    """`p50` to `max` with their values; empty while nothing has returned."""
    if not latencies.percentiles_ms:
        return []
    found = [
        (f"p{percentile:g}", value) for percentile, value in zip(PERCENTILES, latencies.percentiles_ms, strict=True)
    ]
    return [(name, format_latency(value)) for name, value in [*found, ("max", latencies.longest_ms)]]


def in_words(latencies: Latencies, width: int) -> Content:
    """`p50 7.81 ms  p90 …  max …`; those that matter less are left out where they do not fit."""
    told = named(latencies)
    for name in LEAST_IMPORTANT:
        if sum(len(f"{name} {value}  ") for name, value in told) - 2 > width:
            told = [pair for pair in told if pair[0] != name]
    parts: list[tuple[str, str]] = []
    for name, value in told:
        parts += [(f"{name} ", "$foreground 60%"), (value, "bold"), ("  ", "")]
    return Content.assemble(*parts[:-1])
