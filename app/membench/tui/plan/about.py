"""The text of Plan's About panel: what to know about what is under the cursor."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from membench.tui.plan.choices import Item
from membench.tui.plan.settings import Settings


def about_item(item: Item) -> Content:
    """Return what to know about an item of a list."""
    first, *rest = item.about or ("",)
    if item.unavailable:
        first, *rest = f"Cannot run here: {item.unavailable}", *item.about
    return _about(item.name, first, rest)


def about_setting(panel: Settings) -> Content:
    """Return what to know about the value under the cursor, and about its row."""
    setting, value = panel.setting, panel.value
    hint = "Space ticks it; several are compared, with runs of their own." if setting.several else "Space chooses it."
    lines = [*value.about, hint, *(["o takes other values."] if setting.parse else [])]
    if value.unavailable:
        lines = [f"Not available here: {value.unavailable}", *value.about]
    chosen = " (chosen)" if value.name in panel.chosen[setting.title] else ""
    return _about(setting.title, setting.about, [f"{value.name}{chosen}: {lines[0]}", *lines[1:]])


def _about(name: str, first: str, rest: Sequence[str]) -> Content:
    lines = [Content.assemble((f"{name}  ", "bold $accent"), first)]
    lines += [Content.styled(line, "$foreground 70%") for line in rest]
    return Content("\n").join(lines)
