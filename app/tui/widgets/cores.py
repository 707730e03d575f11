"""How busy each core was: a strip over time and a percentage.

One busy core beside idle ones is what a lock looks like.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.geometry import Size
from textual.reactive import reactive

from app.tui.colours import COOL, QUIET
from app.tui.snapshot import Point, joined
from app.tui.widgets.canvas import Canvas, note

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
    empty: reactive[str] = reactive("")
    """What to say instead while there is nothing to draw."""

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """A row for each core, up to ROWS_MAX."""
        return min(len(self.points[-1].cores) if self.points else 1, ROWS_MAX)

    def watch_points(self, before: tuple[Point, ...], after: tuple[Point, ...]) -> None:
        """Make room for the cores, once: a layout of the whole screen for every picture would be felt."""
        if bool(before) != bool(after):
            self.refresh(layout=True)

    def lines(self, width: int, height: int) -> Sequence[Text]:
        """The strips."""
        return draw(self.points, width, max(height, 1)) if self.points else note(self.empty)


def draw(points: Sequence[Point], width: int, height: int) -> list[Text]:
    """All cores if there is room, and otherwise as many as fit, with the mean of the others in words."""
    count = len(points[-1].cores)
    columns = max(min(-(-count // height), width // (NARROWEST + BESIDE)), 1)
    rows = min(height, -(-count // columns))
    shown = count if rows * columns >= count else max(rows - 1, 1) * columns
    rows = min(rows, -(-shown // columns))
    strip_width = max(width // columns - BESIDE - len(str(count - 1)), 1)
    shares = resampled(points, strip_width)
    lines = []
    for row in range(rows):
        cores = [core for core in range(row, shown, rows)]
        lines.append(Text("  ").join(_strip(core, shares, strip_width, len(str(count - 1))) for core in cores))
    if shown < count and height > rows:
        rest = points[-1].cores[shown:]
        lines.append(Text(f"and {len(rest)} more, mean {sum(rest) / len(rest):.0f} %", QUIET))
    return lines


def resampled(points: Sequence[Point], width: int) -> list[Point]:
    """At most `width` points, neighbours joined."""
    size = -(-len(points) // width)
    return [joined(points[at : at + size]) for at in range(0, len(points), size)]


def level_of(percent: float) -> int:
    """0 for an idle core to 7 for a busy one."""
    return min(int(percent / 100 * len(LEVELS)), len(LEVELS) - 1)


def _strip(core: int, points: Sequence[Point], width: int, digits: int) -> Text:
    strip = Text.assemble((f"{NAME}{core:>{digits}} ", QUIET))
    for point in points:
        level = level_of(point.cores[core])
        strip.append(LEVELS[level], COOL[level * len(COOL) // len(LEVELS)])
    strip.append(" " * (width - len(points)))
    return strip.append(f" {points[-1].cores[core]:3.0f} %")
