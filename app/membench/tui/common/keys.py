"""The keys that work in a place, derived from the bindings that make them work."""

from __future__ import annotations

from typing import Any, NamedTuple

from textual.app import App
from textual.dom import DOMNode
from textual.screen import Screen


class Key(NamedTuple):
    """An action and the keys that run it."""

    action: str
    display: str
    """The keys as they are displayed, separated by commas."""
    label: str
    description: str
    owner: DOMNode
    """The node that has the action."""
    rank: int
    """0 for a key of the place, 1 for a key of a panel in it, 2 for a key of the app."""
    id: str
    """The name in the settings file; empty if the key cannot be changed."""


def keys_of(app: App[Any], screen: Screen[Any]) -> list[Key]:
    """Return the keys that work on a screen now, its own first; Textual's own keys are omitted."""
    keys: dict[str, Key] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        if binding.system or not binding.tooltip:
            continue
        display = app.get_key_display(binding)
        if binding.action in keys:
            display = ", ".join(dict.fromkeys((*keys[binding.action].display.split(", "), display)))
        rank = 2 if active.node is app else 0 if active.node is screen else 1
        keys[binding.action] = Key(
            action=binding.action,
            display=display,
            label=binding.description,
            description=binding.tooltip,
            owner=active.node,
            rank=rank,
            id=binding.id or "",
        )
    return sorted(keys.values(), key=lambda key: key.rank)
