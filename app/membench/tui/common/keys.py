"""The keys of a place in words, from the same bindings that make them work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import Keys, _character_to_key

from membench.settings import key_error
from membench.tui.common.places import PLACES
from membench.units import suggest

if TYPE_CHECKING:
    from textual.app import App
    from textual.screen import Screen

MODIFIERS = {"ctrl", "shift", "alt", "super", "meta"}
EVERYWHERE = "app"
"""The place of those that work in all places."""


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
    id: str
    """Its name in the file of settings; empty where it cannot be changed."""


def keys_of(app: App[Any], screen: Screen[Any]) -> list[Key]:
    """What can be done in a place as it stands, those of the place first; Textual's own keys are left out."""
    found: dict[str, Key] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        if binding.system or not binding.tooltip:
            continue
        shown = app.get_key_display(binding)
        if binding.action in found:
            shown = ", ".join(dict.fromkeys((*found[binding.action].shown.split(", "), shown)))
        rank = 2 if active.node is app else 0 if active.node is screen else 1
        name, does = binding.description, binding.tooltip
        found[binding.action] = Key(binding.action, shown, name, does, active.node, rank, binding.id or "")
    return sorted(found.values(), key=lambda key: key.rank)


def check_keys(keys: Mapping[str, str], path: Path) -> None:
    """See that keys that a person chose are keys, of something that there is, and free.

    Raises:
        ConfigError: One is not; the message names the file, the entry and what to do.
    """
    if not keys:
        return  # to look at the default keys imports every place
    known = default_keys()
    for name, chosen in keys.items():
        if name not in known:
            raise key_error(path, name, f"is nothing that has a key; {suggest(name, known)}")
        for key in _several(chosen):
            if not _is_key(key):
                raise key_error(path, name, f"is set to {key!r}, which is no key; write one such as n, f5 or ctrl+n")
    effective = {name: {*map(_normal, _several(keys.get(name, default)))} for name, default in known.items()}
    for name in keys:
        for other, taken in effective.items():
            if other != name and _meet(name, other) and (shared := effective[name] & taken):
                raise key_error(path, name, f"is set to {min(shared)}, which is {other}'s key; choose another")


def default_keys() -> dict[str, str]:
    """What can have a key of a person's own, by its id, with the keys that it has by default."""
    for place in PLACES:
        import_module(f"membench.tui.common.{place}")  # the dashboard imports a place when it is first gone to
    found: dict[str, str] = {}
    for binding in _bindings(DOMNode):
        if binding.id:
            found[binding.id] = f"{found[binding.id]},{binding.key}" if binding.id in found else binding.key
    return found


def _bindings(node: type[DOMNode]) -> Iterator[Binding]:
    """Those of the dashboard's own classes."""
    if node.__module__.startswith("membench.tui"):
        yield from (each for each in vars(node).get("BINDINGS", ()) if isinstance(each, Binding))
    for kind in node.__subclasses__():
        yield from _bindings(kind)


def _meet(name: str, other: str) -> bool:
    """Whether both can be asked for in the same place."""
    places = {name.partition(".")[0], other.partition(".")[0]}
    return len(places) == 1 or EVERYWHERE in places


def _several(keys: str) -> list[str]:
    return [key.strip() for key in keys.split(",")]


def _normal(key: str) -> str:
    """A key by its long name, as Textual has it: `question_mark` for `?`."""
    *modifiers, last = key.split("+") if len(key) > 1 else [key]
    return "+".join([*modifiers, _character_to_key(last) if len(last) == 1 else last])


def _is_key(key: str) -> bool:
    *modifiers, last = _normal(key).split("+")
    printable = {_character_to_key(chr(code)) for code in range(33, 127)}
    return set(modifiers) <= MODIFIERS and (last in printable or last in {each.value for each in Keys})
