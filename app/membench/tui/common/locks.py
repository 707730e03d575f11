"""The locks of a run: where each was made, and how long it was waited for and held."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.text import Text
from textual.geometry import Size
from textual.reactive import reactive

from membench.analysis.contention import Summary
from membench.messages.run import LockUse
from membench.tui.common.canvas import Canvas, note
from membench.tui.common.colours import LOCK, QUIET
from membench.tui.common.snapshot import RunView
from membench.units import format_count, format_latency, format_share

NOBODY_WAITED = "no lock was waited for"
WARM_FROM = 0.05
"""Share of client time waited for a lock, from which on it stands out."""
WORTH_A_ROW = 0.0005
"""Locks that were waited for and held for less than this share round to nothing."""
SMALLEST = 2
"""Rows: titles and one lock."""
WORDY = 80
"""Columns from which on there is room for more than where, wait, held and longest."""


class LockRow(msgspec.Struct, frozen=True):
    """One row of the table."""

    site: str
    name: str
    wait: float
    """Share of client time."""
    held: float
    """Share of the run; above 1 where several locks are made at one line."""
    longest_ms: float
    contended: float
    """Share of acquisitions."""
    queue: int


class LockTable(Canvas):
    """Locks, the most waited-for first, as many as there is room for."""

    locks: reactive[tuple[LockRow, ...]] = reactive(())
    """What is drawn."""

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Titles and rows, and a line more where nobody waited."""
        return len(self.locks) + 1 + (bool(self.locks) and nobody_waited(self.locks))

    def watch_locks(self, before: tuple[LockRow, ...], after: tuple[LockRow, ...]) -> None:
        """Make room where the height goes by the rows."""
        if self.styles.is_auto_height and len(before) != len(after):
            self.refresh(layout=True)

    def lines(self, width: int, height: int) -> Sequence[Text]:
        """The table."""
        return draw(self.locks, width, height) if self.locks else note(self.empty)


def rows_of(run: RunView) -> tuple[LockRow, ...]:
    """The locks of a run that were waited for or held for long enough to see."""
    contention = run.course.contention
    if contention is None or contention.time is None:
        return ()
    rows = [_row(lock, contention, run.spec.workload.clients) for lock in contention.locks]
    return tuple(row for row in rows if row.wait >= WORTH_A_ROW or row.held >= WORTH_A_ROW)


def _row(lock: LockUse, contention: Summary, clients: int) -> LockRow:
    time = contention.time
    wall_s = time.wall_s if time else 0.0
    working_s = wall_s - time.idle_s if time else 0.0
    return LockRow(
        site=lock.site,
        name=lock.name,
        wait=lock.wait_s / working_s if working_s else 0.0,
        held=lock.hold_s * clients / wall_s if wall_s else 0.0,
        longest_ms=lock.longest_wait_ms,
        contended=min(lock.contended / lock.acquisitions, 1.0) if lock.acquisitions else 0.0,
        queue=lock.longest_queue,
    )


def why_empty(run: RunView) -> str:
    """Why a run that measures, or has measured, shows no locks."""
    if not run.spec.metering:
        return "locks are not metered in this run"
    if run.course.contention is None:
        return "waiting for the first half second" if run.state == "running" else "nothing was metered"
    return NOBODY_WAITED


def nobody_waited(locks: Sequence[LockRow]) -> bool:
    """Whether none of the locks was waited for long enough to see."""
    return not any(lock.wait >= WORTH_A_ROW for lock in locks)


def draw(locks: Sequence[LockRow], width: int, height: int) -> list[Text]:
    """Titles and rows; the titles say how many there are where they are not all shown."""
    idle = nobody_waited(locks) and height > SMALLEST
    shown = locks[: max(height - 1 - idle, 1)]
    title = "where" if len(shown) == len(locks) else f"where, {len(shown)} of {len(locks)}"
    cells = [(title, *_titles(width)), *((_where(lock, width), *_figures(lock, width)) for lock in shown)]
    widths = [max(map(len, column)) for column in zip(*(row[1:] for row in cells), strict=True)]
    site_width = width - sum(widths) - 2 * len(widths)
    styles = [QUIET, *map(_style, shown)]
    lines = [_line(row, site_width, widths, style) for row, style in zip(cells, styles, strict=True)]
    return [*([Text(NOBODY_WAITED, QUIET)] if idle else []), *lines]


def _titles(width: int) -> tuple[str, ...]:
    more = ("contended", "queue") if width >= WORDY else ()
    return ("wait", "held", "longest", *more)


def _figures(lock: LockRow, width: int) -> tuple[str, ...]:
    longest = format_latency(lock.longest_ms) if lock.longest_ms else "–"
    more = (format_share(lock.contended), format_count(lock.queue)) if width >= WORDY else ()
    return (format_share(lock.wait), format_share(lock.held), longest, *more)


def _where(lock: LockRow, width: int) -> str:
    return f"{lock.site}  {lock.name}" if width >= WORDY and lock.name else lock.site


def _style(lock: LockRow) -> str:
    if lock.wait >= WARM_FROM:
        return f"bold {LOCK}"
    return "" if lock.wait >= WORTH_A_ROW else QUIET


def _line(row: Sequence[str], site_width: int, widths: Sequence[int], style: str) -> Text:
    figures = [cell.rjust(width) for cell, width in zip(row[1:], widths, strict=True)]
    return Text("  ".join([cut_left(row[0], site_width).ljust(site_width), *figures]), style)


def cut_left(text: str, width: int) -> str:
    """The end of a text, which is where a site says most."""
    return text if len(text) <= width else f"…{text[len(text) - width + 1 :]}"
