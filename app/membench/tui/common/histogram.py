"""A histogram of latencies on a logarithmic axis, with its percentiles and its maximum marked."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text
from textual.content import Content
from textual.reactive import reactive

from membench.analysis.figures import Figures
from membench.report.explanation import latency_texts
from membench.results.latency import BINS_PER_DECADE, NS_PER_MS, PERCENTILES, Latencies, bin_of
from membench.tui.common.canvas import Canvas, placeholder
from membench.tui.common.colours import GRID, QUIET

BLOCKS = " ▁▂▃▄▅▆▇█"
ROWS_AROUND = 4
"""Rows above and below the bars: names of the marks, marks, axis, labels."""
LEAST_IMPORTANT = ("p90", "p99.9")
"""Percentiles to leave out where the text is too long."""


class Histogram(Canvas):
    """Operations by latency."""

    latencies: reactive[Latencies] = reactive(Latencies())
    """The operations."""
    colour: reactive[str] = reactive(QUIET)
    """The colour of the run."""

    def lines(self, width: int, height: int) -> Sequence[Text]:
        """Return the lines of the histogram."""
        if not self.latencies.total:
            return placeholder(self.empty)
        if width < 20 or height <= ROWS_AROUND:
            return []
        return draw(self.latencies, self.colour, width, height)


def draw(latencies: Latencies, colour: str, width: int, height: int) -> list[Text]:
    """Return marks of percentiles and maximum, bars, and the axis with its decades."""
    bins = latencies.bins()
    axis = _Axis(bins, width)
    return [*_marks(latencies, axis), *_bars(axis.heights(bins, height - ROWS_AROUND), colour), *axis.lines()]


class _Axis:
    """Whole decades of latency, from left to right."""

    def __init__(self, bins: Sequence[tuple[int, int]], width: int) -> None:
        self.width = width
        self.first = bins[0][0] // BINS_PER_DECADE
        self.decades = max(bins[-1][0] // BINS_PER_DECADE + 1 - self.first, 1)

    def column(self, number: float) -> int:
        """Return the column of a bin."""
        share = (number - self.first * BINS_PER_DECADE) / (self.decades * BINS_PER_DECADE)
        return min(int(share * self.width), self.width - 1)

    def heights(self, bins: Sequence[tuple[int, int]], rows: int) -> list[list[int]]:
        """Return the eighths of each cell to fill, by row from the top; even a single operation is visible."""
        counts = [0.0] * self.width
        for number, count in bins:
            start, end = self.column(number), max(self.column(number + 1), self.column(number) + 1)
            for column in range(start, min(end, self.width)):
                counts[column] += count / (end - start)
        highest = max(counts)
        eighths = [max(round(count / highest * rows * 8), 1) if count else 0 for count in counts]
        return [[min(max(tall - 8 * row, 0), 8) for tall in eighths] for row in reversed(range(rows))]

    def lines(self) -> tuple[Text, Text]:
        """Return the axis, and the labels of its decades."""
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
    """Return the names of percentiles and maximum with a mark below each; names move aside where marks are close."""
    marks = [" "] * axis.width
    values_ms = {f"p{percentile:g}": latencies.percentile_ms(percentile) for percentile in PERCENTILES}
    known = {name: value for name, value in {**values_ms, "max": latencies.max_ms}.items() if value is not None}
    names = list(known)
    starts: list[int] = []
    for name, value_ms in known.items():
        column = axis.column(bin_of(value_ms * NS_PER_MS) + 0.5)
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


def percentile_line(figures: Figures, width: int) -> Content:
    """Return `p50 7.81 ms  p90 …  max …`, without the less important percentiles where they do not fit."""
    texts = latency_texts(figures)
    for name in LEAST_IMPORTANT:
        if sum(len(f"{name} {value}  ") for name, value in texts) - 2 > width:
            texts = [pair for pair in texts if pair[0] != name]
    parts: list[tuple[str, str]] = []
    for name, value in texts:
        parts += [(f"{name} ", "$foreground 60%"), (value, "bold"), ("  ", "")]
    return Content.assemble(*parts[:-1])
