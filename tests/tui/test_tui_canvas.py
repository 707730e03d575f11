"""The base widget of the charts: which lines it repaints, and when."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.text import Text
from textual.app import App, ComposeResult
from textual.content import Content
from textual.reactive import reactive
from textual.strip import Strip

from membench.tui.common.canvas import Canvas, Line
from membench.tui.common.chart import Curve, draw


class Lines(Canvas):
    """Displays given lines, and notes which of them were rendered."""

    content_lines: reactive[tuple[Line, ...]] = reactive((), init=False)
    rendered: set[int]

    def lines(self, width: int, height: int) -> Sequence[Line]:
        return self.content_lines

    def render_line(self, y: int) -> Strip:
        self.rendered.add(y)
        return super().render_line(y)


class Page(App[None]):
    CSS = "Lines { color: #ff0000; height: 4; } .other { color: #00ff00; }"

    def compose(self) -> ComposeResult:
        self.canvas = Lines()
        self.canvas.rendered = set()
        self.canvas.set_reactive(Lines.content_lines, tuple(map(Text, "abc")))
        yield self.canvas


async def test_only_changed_lines_are_rendered() -> None:
    page = Page()
    async with page.run_test(size=(20, 8)) as pilot:
        canvas = page.canvas
        for letters, rendered in (("axc", {1}), ("axc", set()), ("axcd", {3}), ("ax", {2, 3})):
            canvas.rendered = set()
            canvas.content_lines = tuple(map(Text, letters))
            await pilot.pause()
            assert canvas.rendered == rendered, letters


async def test_other_colours_and_another_size_render_every_line() -> None:
    page = Page()
    async with page.run_test(size=(20, 8)) as pilot:
        page.canvas.rendered = set()
        page.canvas.add_class("other")
        await pilot.pause()
        assert page.canvas.rendered == {0, 1, 2, 3}
        page.canvas.rendered = set()
        await pilot.resize_terminal(30, 8)
        await pilot.pause(0.05)
        assert page.canvas.rendered == {0, 1, 2, 3}


async def test_a_line_that_does_not_fit_ends_in_an_ellipsis() -> None:
    page = Page()
    async with page.run_test(size=(10, 8)) as pilot:
        page.canvas.content_lines = (Content.assemble(("twelve", "bold $accent"), " words"),)
        await pilot.pause()
        assert page.canvas.render_line(0).text == "twelve wo…"


def test_the_time_axis_has_a_caption() -> None:
    points = tuple((float(second), 100.0) for second in range(1, 61))
    for caption in ("", "last 30 s"):
        *_, axis, labels = draw(Curve(points, from_s=30.0, span_s=30.0, caption=caption), 60, 12)
        assert text(axis).endswith(f" {caption} ┬" if caption else "─┬")
        assert "30 s" in text(labels) and len(text(axis)) == 60


def text(line: list[Segment]) -> str:
    return "".join(segment.text for segment in line)
