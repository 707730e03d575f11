"""How busy each core was: a strip over time and a percentage.

One busy core beside idle ones is what a lock looks like.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.text import Text
from textual.geometry import Size
from textual.reactive import reactive

from membench.tui.common.canvas import Canvas, note
from membench.tui.common.colours import COOL, QUIET
from membench.tui.common.snapshot import Point, joined

LEVELS = "▁▂▃▄▅▆▇█"
ROWS_MAX = 8
NAME = "core "
NARROWEST = 8
"""Columns below which a strip says nothing."""
BESIDE = 9 + len(NAME)
"""Columns that the name and the percentage of a core take, but for the digits of its number."""


class Cores(Canvas):
    """One row a core; side by side where there are more cores than rows."""

    points: reactive[tuple[Point, ...]] = reactive(())
    """What is drawn, oldest first."""
    period: reactive[tuple[float, float]] = reactive((0.0, 1.0))
    """Where time begins and ends, in seconds of the run."""

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """A row for each core, up to ROWS_MAX."""
        return min(len(self.points[-1].cores) if self.points else 1, ROWS_MAX)

    def watch_points(self, before: tuple[Point, ...], after: tuple[Point, ...]) -> None:
        """Make room for the cores, once: a layout of the whole screen for every picture would be felt."""
        if bool(before) != bool(after):
            self.refresh(layout=True)

    def lines(self, width: int, height: int) -> Sequence[Text]:
        """The strips."""
        return draw(self.points, self.period, width, max(height, 1)) if self.points else note(self.empty)


def draw(points: Sequence[Point], period: tuple[float, float], width: int, height: int) -> list[Text]:
    """All cores if there is room, and otherwise as many as fit, with the mean of the others in words."""
    count = len(points[-1].cores)
    columns = max(min(-(-count // height), width // (NARROWEST + BESIDE)), 1)
    rows = min(height, -(-count // columns))
    shown = count if rows * columns >= count else max(rows - 1, 1) * columns
    rows = min(rows, -(-shown // columns))
    strip_width = max(width // columns - BESIDE - len(str(count - 1)), 1)
    shares = in_columns(points, period, strip_width)
    lines = []
    for row in range(rows):
        cores = [core for core in range(row, shown, rows)]
        strips = (_strip(core, points[-1], shares, strip_width, len(str(count - 1))) for core in cores)
        lines.append(Text("  ").join(strips))
    if shown < count and height > rows:
        rest = points[-1].cores[shown:]
        lines.append(Text(f"and {len(rest)} more, mean {sum(rest) / len(rest):.0f} %", QUIET))
    return lines


def in_columns(points: Sequence[Point], period: tuple[float, float], width: int) -> list[Point]:
    """What each column of a strip shows: all that ended in its stretch of time, or what was under way in it."""
    begin_s, end_s = period
    step_s = (end_s - begin_s) / width
    shown: list[Point] = []
    at = 0
    while at < len(points) and len(shown) < width:
        until_s = begin_s + (len(shown) + 1) * step_s + 1e-9
        first = at
        while at < len(points) and points[at].end_s <= until_s:
            at += 1
        if first < at:
            shown.append(joined(points[first:at]))
        elif points[at].end_s - points[at].duration_s < until_s:
            shown.append(points[at])
        else:
            break
    return shown


def level_of(percent: float) -> int:
    """0 for an idle core to 7 for a busy one."""
    return min(int(percent / 100 * len(LEVELS)), len(LEVELS) - 1)


def _strip(core: int, newest: Point, points: Sequence[Point], width: int, digits: int) -> Text:
    strip = Text.assemble((f"{NAME}{core:>{digits}} ", QUIET))
    levels = [level_of(point.cores[core]) for point in points]
    for level, stretch in groupby(levels):
        strip.append(LEVELS[level] * len(list(stretch)), COOL[level * len(COOL) // len(LEVELS)])
    strip.append(" " * (width - len(points)))
    return strip.append(f" {newest.cores[core]:3.0f} %")
