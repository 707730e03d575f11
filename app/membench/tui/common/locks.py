"""The table of a run's locks: where they were created, how long clients waited for them, and how long one was held."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.text import Text
from textual.geometry import Size
from textual.reactive import reactive

from membench.analysis.figures import Figures
from membench.messages.run import LockUse
from membench.report.explanation import shorten_left
from membench.tui.common.canvas import Canvas, placeholder
from membench.tui.common.colours import LOCK, QUIET
from membench.tui.common.snapshot import RunView
from membench.units import format_count, format_latency, format_share

NO_WAIT = "clients spend next to no time waiting for locks"
WARM_FROM = 0.05
"""Share of client time spent waiting for a lock, from which on it is highlighted."""
VISIBLE_FROM = 0.0005
"""Locks with smaller shares of both wait and hold are left out: they would read 0 %."""
LEAST_ROWS = 2
"""The titles and one lock."""
ALL_COLUMNS_FROM = 80
"""Cells from which on all columns fit."""


class LockRow(msgspec.Struct, frozen=True):
    """One row of the table."""

    lock: LockUse
    wait_share: float | None
    """Share of client time."""
    held_share: float | None
    """Share of the metered time for which the busiest of the locks created at one line was held."""

    @property
    def was_waited_for(self) -> bool:
        """Whether the wait is long enough to be visible."""
        return (self.wait_share or 0.0) >= VISIBLE_FROM


class LockTable(Canvas):
    """The locks with the longest wait first, as many as fit."""

    locks: reactive[tuple[LockRow, ...]] = reactive(())
    """The rows."""

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the height of the titles and the rows, with one more line where no client waited."""
        return len(self.locks) + 1 + (bool(self.locks) and not _any_wait(self.locks))

    def watch_locks(self, before: tuple[LockRow, ...], after: tuple[LockRow, ...]) -> None:
        """Lay out the screen again where the height depends on the number of rows."""
        if self.styles.is_auto_height and len(before) != len(after):
            self.refresh(layout=True)

    def lines(self, width: int, height: int) -> Sequence[Text]:
        """Return the lines of the table."""
        return draw(self.locks, width, height) if self.locks else placeholder(self.empty)


def lock_rows(figures: Figures) -> tuple[LockRow, ...]:
    """Return the locks of a run that were waited for or held long enough to be visible."""
    rows = (LockRow(lock, figures.wait_share(lock), figures.held_share(lock)) for lock in figures.locks or ())
    return tuple(row for row in rows if row.was_waited_for or (row.held_share or 0.0) >= VISIBLE_FROM)


def no_locks_text(run: RunView) -> str:
    """Return why a run that has measured something has no locks to display."""
    if not run.figures.metering:
        return "locks are not metered in this run"
    if run.figures.locks is None:
        return "waiting for the first meter reading" if run.state == "running" else "no meter was read"
    return NO_WAIT


def draw(locks: Sequence[LockRow], width: int, height: int) -> list[Text]:
    """Return titles and rows. The titles state how many locks there are where not all fit."""
    has_note = not _any_wait(locks) and height > LEAST_ROWS
    shown = locks[: max(height - 1 - has_note, 1)]
    title = "site" if len(shown) == len(locks) else f"site, {len(shown)} of {len(locks)}"
    cells = [(title, *_titles(width)), *((_site(row, width), *_figures(row, width)) for row in shown)]
    widths = [max(map(len, column)) for column in zip(*(row[1:] for row in cells), strict=True)]
    site_width = width - sum(widths) - 2 * len(widths)
    styles = [QUIET, *map(_style, shown)]
    lines = [_line(row, site_width, widths, style) for row, style in zip(cells, styles, strict=True)]
    return [*([Text(NO_WAIT, QUIET)] if has_note else []), *lines]


def _any_wait(locks: Sequence[LockRow]) -> bool:
    return any(row.was_waited_for for row in locks)


def _titles(width: int) -> tuple[str, ...]:
    return ("wait", "held", "longest", *(("contended", "queue", "locks") if width >= ALL_COLUMNS_FROM else ()))


def _figures(row: LockRow, width: int) -> tuple[str, ...]:
    lock = row.lock
    longest = format_latency(lock.longest_wait_ms or None)
    details = format_share(lock.contended_share), format_count(lock.longest_queue), format_count(lock.locks)
    more = details if width >= ALL_COLUMNS_FROM else ()
    return (format_share(row.wait_share), format_share(row.held_share), longest, *more)


def _site(row: LockRow, width: int) -> str:
    return f"{row.lock.site}  {row.lock.name}" if width >= ALL_COLUMNS_FROM and row.lock.name else row.lock.site


def _style(row: LockRow) -> str:
    if (row.wait_share or 0.0) >= WARM_FROM:
        return f"bold {LOCK}"
    return "" if row.was_waited_for else QUIET


def _line(row: Sequence[str], site_width: int, widths: Sequence[int], style: str) -> Text:
    figures = [cell.rjust(width) for cell, width in zip(row[1:], widths, strict=True)]
    return Text("  ".join([shorten_left(row[0], site_width).ljust(site_width), *figures]), style)
