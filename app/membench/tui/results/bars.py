"""Throughput of runs as bars, with their 95 % intervals."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.reactive import reactive

from membench.results.record import Record
from membench.tui.common.canvas import Canvas, note
from membench.tui.common.chart import rate_ticks
from membench.tui.common.colours import GRID, QUIET, hue_of
from membench.tui.common.plot import Series
from membench.units import format_rate_between

EIGHTHS = " ▏▎▍▌▋▊▉"
AXIS_ROWS = 2
SMALLEST = (24, 3)
"""Columns and rows below which no bars can be read."""
STEP_COLUMNS = 12
"""Columns that a tick of the axis has at least."""


class Bar(Series, frozen=True):
    """A run's throughput."""

    rate: float
    """Memories a second."""
    low: float | None
    """The interval, where there are repeats."""
    high: float | None

    @property
    def reach(self) -> float:
        """How far to the right it is drawn."""
        return max(self.rate, self.high or 0.0)


def bar_of(record: Record, name: str, sign: str, hue: int) -> Bar | None:
    """A run's bar; None where nothing was measured."""
    if record.memories_per_s is None:
        return None
    return Bar(name, sign, hue, record.memories_per_s, record.memories_per_s_low, record.memories_per_s_high)


class Bars(Canvas):
    """A bar a run. Empty, it says why."""

    bars: reactive[tuple[Bar, ...]] = reactive(())
    """What is drawn."""
    limit: reactive[float | None] = reactive(None)
    """The most that this machine can do, if that is known."""

    def lines(self, width: int, height: int) -> Sequence[Text]:
        """Each bar below its name where there is room for that, else beside it."""
        if not self.bars:
            return note(self.empty)
        if width < SMALLEST[0] or height < SMALLEST[1]:
            return note("no room for a chart")
        return draw(self.bars, self.limit, width, height)


def draw(bars: Sequence[Bar], limit: float | None, width: int, height: int) -> list[Text]:
    """Bars over an axis from 0: with their names above them, or beside them where that is too high."""
    rows = height - AXIS_ROWS
    highest = max([bar.reach for bar in bars] + ([limit] if limit else []))
    if len(bars) * 2 > rows:
        return _flat(bars, highest, limit, width, rows)
    scale = _Scale(highest, width, limit)
    gap = [Text()] if len(bars) * 3 <= rows else []
    return [*(line for bar in bars for line in (_head(bar, width), scale.bar(bar), *gap)), *scale.axis(0)]


def _flat(bars: Sequence[Bar], highest: float, limit: float | None, width: int, rows: int) -> list[Text]:
    """A line a bar; those that do not fit are counted."""
    shown = bars if len(bars) <= rows else bars[: rows - 1]
    left = min(max(len(bar.name) for bar in shown) + 3, width // 3)
    right = max(len(_figure(bar)) for bar in shown) + 1
    scale = _Scale(highest, max(width - left - right, 1), limit)
    lines = [Text.assemble(_name(bar, left - 1), " ", scale.bar(bar), " ", (_figure(bar), "bold")) for bar in shown]
    if len(shown) < len(bars):
        lines.append(Text(f"… {len(bars) - len(shown)} more", QUIET))
    return [*lines, *scale.axis(left)]


def _head(bar: Bar, width: int) -> Text:
    return Text.assemble(_name(bar, width - len(_figure(bar)) - 1), " ", (_figure(bar), "bold"))


def _name(bar: Bar, width: int) -> Text:
    name = Text.assemble((bar.sign, hue_of(bar.hue)), f" {bar.name}")
    name.truncate(width, overflow="ellipsis", pad=True)
    return name


def _figure(bar: Bar) -> str:
    return f"{format_rate_between(bar.rate, bar.low, bar.high)} /s"


class _Scale:
    """Memories a second from left to right."""

    def __init__(self, highest: float, columns: int, limit: float | None) -> None:
        self.top = (highest or 1.0) * 1.04
        self.columns = columns
        self.limit = limit

    def column(self, rate: float) -> int:
        """The cell that a rate lies in."""
        return min(int(rate / self.top * self.columns), self.columns - 1)

    def bar(self, bar: Bar) -> Text:
        """Blocks to an eighth of a cell, and the interval drawn over their end."""
        eighths = round(bar.rate / self.top * self.columns * 8)
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
        """A line with ticks, and their rates below it."""
        line, labels = ["─"] * self.columns, ""
        for rate, label in rate_ticks(self.top, self.columns // STEP_COLUMNS).items():
            column = self.column(rate)
            start = min(column, self.columns - len(label))
            line[column] = "┴" if rate else "└"
            if start > len(labels) or not labels:
                labels = labels.ljust(start) + label
        return [Text(" " * left + "".join(line), GRID), Text(" " * left + labels, QUIET)]
