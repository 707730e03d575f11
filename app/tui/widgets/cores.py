"""How busy each core was: a strip over time and a percentage.

One busy core beside idle ones is what a lock looks like.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.visual import VisualType
from textual.widget import Widget

from app.tui.colours import COOL, QUIET
from app.tui.snapshot import Point, joined

LEVELS = "▁▂▃▄▅▆▇█"
ROWS_MAX = 8
NARROWEST = 8
"""Columns below which a strip says nothing."""


class Cores(Widget):
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

    def render(self) -> VisualType:
        """The strips at the size the widget has now."""
        width, height = self.size
        if not self.points:
            return Content.styled(self.empty, "$foreground 60%")
        return draw(self.points, width, max(height, 1))


def draw(points: Sequence[Point], width: int, height: int) -> Text:
    """All cores if there is room, and otherwise as many as fit, with the mean of the others in words."""
    count = len(points[-1].cores)
    columns = max(min(-(-count // height), width // (NARROWEST + 9)), 1)
    rows = min(height, -(-count // columns))
    shown = count if rows * columns >= count else max(rows - 1, 1) * columns
    rows = min(rows, -(-shown // columns))
    strip_width = max(width // columns - 9 - len(str(count - 1)), 1)
    shares = resampled(points, strip_width)
    lines = []
    for row in range(rows):
        cores = [core for core in range(row, shown, rows)]
        lines.append(Text("  ").join(_strip(core, shares, strip_width, len(str(count - 1))) for core in cores))
    if shown < count and height > rows:
        rest = points[-1].cores[shown:]
        lines.append(Text(f"and {len(rest)} more, mean {sum(rest) / len(rest):.0f} %", QUIET))
    return Text("\n", no_wrap=True, end="").join(lines)


def resampled(points: Sequence[Point], width: int) -> list[Point]:
    """At most `width` points, neighbours joined."""
    size = -(-len(points) // width)
    return [joined(points[at : at + size]) for at in range(0, len(points), size)]


def level_of(percent: float) -> int:
    """0 for an idle core to 7 for a busy one."""
    return min(int(percent / 100 * len(LEVELS)), len(LEVELS) - 1)


def _strip(core: int, points: Sequence[Point], width: int, digits: int) -> Text:
    strip = Text(f"{core:>{digits}} ", QUIET)
    for point in points:
        level = level_of(point.cores[core])
        strip.append(LEVELS[level], COOL[level * len(COOL) // len(LEVELS)])
    strip.append(" " * (width - len(points)))
    return strip.append(f" {points[-1].cores[core]:3.0f} %", "default")
