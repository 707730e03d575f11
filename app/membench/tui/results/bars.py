"""The chart of throughput: a bar per run, with its 95 % confidence interval."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.reactive import reactive

from membench.report.remarks import rate_text
from membench.results.record import Record
from membench.tui.common.canvas import Canvas, placeholder
from membench.tui.common.chart import NO_ROOM, rate_ticks
from membench.tui.common.colours import GRID, QUIET, hue_of
from membench.tui.common.plot import Series

EIGHTHS = " ▏▎▍▌▋▊▉"
"""Blocks of zero to seven eighths of a cell."""
AXIS_ROWS = 2
MIN_SIZE = (24, 3)
"""Columns and rows that readable bars need."""
COLUMNS_PER_TICK = 12


class Bar(Series, frozen=True):
    """The throughput of a run."""

    rate: str
    """The rate as text, with its interval if it has one."""
    memories_per_s: float
    low: float | None
    """The lower end of the confidence interval; None where there is none."""
    high: float | None
    """The upper end."""

    @property
    def right_end(self) -> float:
        """The highest rate that is drawn."""
        return max(self.memories_per_s, self.high or 0.0)


def bar_of(record: Record, name: str, marker: str, hue: int) -> Bar | None:
    """Return the bar of a run; None if nothing was measured."""
    if record.memories_per_s is None:
        return None
    rate, low, high = rate_text(record, record.status, unit="/s"), record.memories_per_s_low, record.memories_per_s_high
    return Bar(name, marker, hue, rate, record.memories_per_s, low, high)


class Bars(Canvas):
    """A bar per run over a common axis."""

    bars: reactive[tuple[Bar, ...]] = reactive(())
    """The bars to draw."""
    limit: reactive[float | None] = reactive(None)
    """The best rate found for the machine, in texts per second; None if it is not known."""

    def lines(self, width: int, height: int) -> Sequence[Text]:
        """Return the bars, or why there are none."""
        if not self.bars:
            return placeholder(self.empty)
        if width < MIN_SIZE[0] or height < MIN_SIZE[1]:
            return placeholder(NO_ROOM)
        return draw(self.bars, self.limit, width, height)


def draw(bars: Sequence[Bar], limit: float | None, width: int, height: int) -> list[Text]:
    """Return bars over an axis that starts at 0; names stand above them if there is room, else beside them."""
    rows = height - AXIS_ROWS
    highest = max([bar.right_end for bar in bars] + ([limit] if limit else []))
    if len(bars) * 2 > rows:
        return _one_line_each(bars, highest, limit, width, rows)
    scale = _Scale(highest, width, limit)
    gap = [Text()] if len(bars) * 3 <= rows else []
    return [*(line for bar in bars for line in (_heading(bar, width), scale.bar(bar), *gap)), *scale.axis(0)]


def _one_line_each(bars: Sequence[Bar], highest: float, limit: float | None, width: int, rows: int) -> list[Text]:
    """Return one line per bar; the last line is the number of those that do not fit."""
    shown = bars if len(bars) <= rows else bars[: rows - 1]
    left = min(max(len(bar.name) for bar in shown) + 3, width // 3)
    right = max(len(bar.rate) for bar in shown) + 1
    scale = _Scale(highest, max(width - left - right, 1), limit)
    lines = [Text.assemble(_name(bar, left - 1), " ", scale.bar(bar), " ", (bar.rate, "bold")) for bar in shown]
    if len(shown) < len(bars):
        lines.append(Text(f"… {len(bars) - len(shown)} more", QUIET))
    return [*lines, *scale.axis(left)]


def _heading(bar: Bar, width: int) -> Text:
    return Text.assemble(_name(bar, width - len(bar.rate) - 1), " ", (bar.rate, "bold"))


def _name(bar: Bar, width: int) -> Text:
    name = Text.assemble((bar.marker, hue_of(bar.hue)), f" {bar.name}")
    name.truncate(width, overflow="ellipsis", pad=True)
    return name


class _Scale:
    """The horizontal axis, in memories per second."""

    def __init__(self, highest: float, columns: int, limit: float | None) -> None:
        self.top = (highest or 1.0) * 1.04
        self.columns = columns
        self.limit = limit

    def column(self, rate: float) -> int:
        """Return the column of a rate."""
        return min(int(rate / self.top * self.columns), self.columns - 1)

    def bar(self, bar: Bar) -> Text:
        """Return a bar, accurate to an eighth of a cell, with its interval over its end."""
        eighths = round(bar.memories_per_s / self.top * self.columns * 8)
        cells = list(("█" * (eighths // 8) + EIGHTHS[eighths % 8]).rstrip().ljust(self.columns))
        text = Text("".join(cells), hue_of(bar.hue))
        if self.limit is not None and (at := self.column(self.limit)) >= eighths // 8:
            text = Text.assemble(text[:at], ("┊", QUIET), text[at + 1 :])
        if bar.low is None or bar.high is None:
            return text
        start, end = self.column(bar.low), self.column(bar.high)
        span = "┃" if start == end else f"├{'─' * (end - start - 1)}┤"
        return Text.assemble(text[:start], (span, f"bold {hue_of(bar.hue)} reverse"), text[end + 1 :])

    def axis(self, left: int) -> list[Text]:
        """Return the axis with its ticks and the line of its labels, `left` columns further to the right."""
        line, labels = ["─"] * self.columns, ""
        for rate, label in rate_ticks(self.top, self.columns // COLUMNS_PER_TICK).items():
            column = self.column(rate)
            start = min(column, self.columns - len(label))
            line[column] = "┴" if rate else "└"
            if start > len(labels) or not labels:
                labels = labels.ljust(start) + label
        return [Text(" " * left + "".join(line), GRID), Text(" " * left + labels, QUIET)]
