"""The keys of a place in words, from the same bindings that make them work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from textual.app import App
    from textual.dom import DOMNode
    from textual.screen import Screen


class Key(NamedTuple):
    """One action and the keys that do it."""

    action: str
    shown: str
    """The keys as a person reads them."""
    name: str
    does: str
    owner: DOMNode
    """Whose action it is."""
    rank: int
    """0 for a key of the place, 1 for one of the panel in it, 2 for one that works everywhere."""


def keys_of(app: App[Any], screen: Screen[Any]) -> list[Key]:
    """What can be done in a place as it stands, those of the place first; Textual's own keys are left out."""
    found: dict[str, Key] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        if binding.system or not binding.tooltip:
            continue
        shown = app.get_key_display(binding)
        if binding.action in found:
            shown = f"{found[binding.action].shown}, {shown}"
        rank = 2 if active.node is app else 0 if active.node is screen else 1
        found[binding.action] = Key(binding.action, shown, binding.description, binding.tooltip, active.node, rank)
    return sorted(found.values(), key=lambda key: key.rank)
