"""The use of each core: a strip over time, and a percentage.

One busy core next to idle ones is the picture of a lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.text import Text
from textual.geometry import Size
from textual.reactive import reactive

from membench.session.timeline import Point, merge_points
from membench.tui.common.canvas import Canvas, placeholder
from membench.tui.common.colours import COOL, QUIET

LEVELS = "▁▂▃▄▅▆▇█"
ROWS_MAX = 8
NAME = "core "
STRIP_MIN = 8
"""Fewest columns of a strip that is worth drawing."""
AROUND_STRIP = 9 + len(NAME)
"""Columns that the name and the percentage of a core take, without the digits of its number."""


class Cores(Canvas):
    """One row per core, or several cores per row where there are more cores than rows."""

    points: reactive[tuple[Point, ...]] = reactive(())
    """What was measured, oldest first."""
    period: reactive[tuple[float, float]] = reactive((0.0, 1.0))
    """Start and end of the time axis, in seconds of the run."""

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return one row for each core, up to `ROWS_MAX`."""
        return min(len(self.points[-1].cores) if self.points else 1, ROWS_MAX)

    def watch_points(self, before: tuple[Point, ...], after: tuple[Point, ...]) -> None:
        """Make room for the cores once: laying out the whole screen in every frame would slow down the run."""
        if bool(before) != bool(after):
            self.refresh(layout=True)

    def lines(self, width: int, height: int) -> Sequence[Text]:
        """Return the strips."""
        return draw(self.points, self.period, width, max(height, 1)) if self.points else placeholder(self.empty)


def draw(points: Sequence[Point], period: tuple[float, float], width: int, height: int) -> list[Text]:
    """Return the strips of all cores that fit; a last line states the mean of the others."""
    count = len(points[-1].cores)
    columns = max(min(-(-count // height), width // (STRIP_MIN + AROUND_STRIP)), 1)
    rows = min(height, -(-count // columns))
    shown = count if rows * columns >= count else max(rows - 1, 1) * columns
    rows = min(rows, -(-shown // columns))
    strip_width = max(width // columns - AROUND_STRIP - len(str(count - 1)), 1)
    strip_points = points_by_column(points, period, strip_width)
    lines = []
    for row in range(rows):
        cores = [core for core in range(row, shown, rows)]
        strips = (_strip(core, points[-1], strip_points, strip_width, len(str(count - 1))) for core in cores)
        lines.append(Text("  ").join(strips))
    if shown < count and height > rows:
        rest = points[-1].cores[shown:]
        lines.append(Text(f"and {len(rest)} more, mean {sum(rest) / len(rest):.0f} %", QUIET))
    return lines


def points_by_column(points: Sequence[Point], period: tuple[float, float], width: int) -> list[Point]:
    """Return what each column of a strip shows: the points that end in its time, or the one that spans it."""
    start_s, end_s = period
    step_s = (end_s - start_s) / width
    shown: list[Point] = []
    at = 0
    while at < len(points) and len(shown) < width:
        until_s = start_s + (len(shown) + 1) * step_s + 1e-9
        first = at
        while at < len(points) and points[at].end_s <= until_s:
            at += 1
        if first < at:
            shown.append(merge_points(points[first:at]))
        elif points[at].end_s - points[at].duration_s < until_s:
            shown.append(points[at])
        else:
            break
    return shown


def _level(percent: float) -> int:
    """Return 0 for an idle core, up to 7 for a busy one."""
    return min(int(percent / 100 * len(LEVELS)), len(LEVELS) - 1)


def _strip(core: int, newest: Point, points: Sequence[Point], width: int, digits: int) -> Text:
    strip = Text.assemble((f"{NAME}{core:>{digits}} ", QUIET))
    levels = [_level(point.cores[core]) for point in points]
    for level, stretch in groupby(levels):
        strip.append(LEVELS[level] * len(list(stretch)), COOL[level * len(COOL) // len(LEVELS)])
    strip.append(" " * (width - len(points)))
    return strip.append(f" {newest.cores[core]:3.0f} %")
