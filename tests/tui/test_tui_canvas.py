"""The widget that charts are drawn on: what it draws anew, and when."""

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
    """Draws what it is given, and knows which lines were asked for."""

    words: reactive[tuple[Line, ...]] = reactive((), init=False)
    asked: set[int]

    def lines(self, width: int, height: int) -> Sequence[Line]:
        return self.words

    def render_line(self, y: int) -> Strip:
        self.asked.add(y)
        return super().render_line(y)


class Page(App[None]):
    CSS = "Lines { color: #ff0000; height: 4; } .other { color: #00ff00; }"

    def compose(self) -> ComposeResult:
        self.canvas = Lines()
        self.canvas.asked = set()
        self.canvas.set_reactive(Lines.words, tuple(map(Text, "abc")))
        yield self.canvas


async def test_only_lines_that_are_other_than_before_are_drawn() -> None:
    page = Page()
    async with page.run_test(size=(20, 8)) as pilot:
        canvas = page.canvas
        for words, asked in (("axc", {1}), ("axc", set()), ("axcd", {3}), ("ax", {2, 3})):
            canvas.asked = set()
            canvas.words = tuple(map(Text, words))
            await pilot.pause()
            assert canvas.asked == asked, words


async def test_other_colours_and_another_size_draw_every_line() -> None:
    page = Page()
    async with page.run_test(size=(20, 8)) as pilot:
        page.canvas.asked = set()
        page.canvas.add_class("other")
        await pilot.pause()
        assert page.canvas.asked == {0, 1, 2, 3}
        page.canvas.asked = set()
        await pilot.resize_terminal(30, 8)
        await pilot.pause(0.05)
        assert page.canvas.asked == {0, 1, 2, 3}


async def test_a_line_that_is_too_long_ends_in_an_ellipsis() -> None:
    page = Page()
    async with page.run_test(size=(10, 8)) as pilot:
        page.canvas.words = (Content.assemble(("twelve", "bold $accent"), " words"),)
        await pilot.pause()
        assert page.canvas.render_line(0).text == "twelve wo…"


def test_the_time_axis_says_how_much_of_the_run_it_shows() -> None:
    points = tuple((float(second), 100.0) for second in range(1, 61))
    for caption in ("", "last 30 s"):
        *_, axis, labels = draw(Curve(points, from_s=30.0, span_s=30.0, caption=caption), 60, 12)
        assert text(axis).endswith(f" {caption} ┬" if caption else "─┬")
        assert "30 s" in text(labels) and len(text(axis)) == 60


def text(line: list[Segment]) -> str:
    return "".join(segment.text for segment in line)
