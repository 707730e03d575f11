"""The keys that the settings file redefines, checked against the default keys of all places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import Keys

from membench.settings import binding_error
from membench.tui.common.places import PLACES
from membench.tui.common.textual_overrides import key_name
from membench.units import suggest

MODIFIERS = {"ctrl", "shift", "alt", "super", "meta"}
GLOBAL = "app"
"""The first part of the id of an action that works in every place."""


def check_keys(keys: Mapping[str, str], path: Path) -> None:
    """Check that the user's keys exist, are for existing actions, and do not clash with other keys.

    Raises:
        ConfigError: A key is not valid; the message names the file, the entry and what to do.
    """
    if not keys:
        return  # the default keys need the import of every place
    defaults = default_keys()
    for name, chosen in keys.items():
        if name not in defaults:
            raise binding_error(path, name, f"is not an action; {suggest(name, defaults)}")
        for key in _split(chosen):
            if not _is_key(key):
                reason = f"is set to {key!r}, which is not a key; write one such as n, f5 or ctrl+n"
                raise binding_error(path, name, reason)
    effective = {name: {*map(_full_name, _split(keys.get(name, default)))} for name, default in defaults.items()}
    for name in keys:
        for other, other_keys in effective.items():
            if other != name and _work_together(name, other) and (shared := effective[name] & other_keys):
                raise binding_error(path, name, f"is set to {min(shared)}, which is {other}'s key; choose another")


def default_keys() -> dict[str, str]:
    """Return the default keys of every action that can be given another key, by the action's id."""
    for place in PLACES:
        import_module(f"membench.tui.{place}.screen")  # imported here, not on start-up, to keep the first paint fast
    defaults: dict[str, str] = {}
    for binding in _own_bindings(DOMNode):
        if binding.id:
            defaults[binding.id] = f"{defaults[binding.id]},{binding.key}" if binding.id in defaults else binding.key
    return defaults


def _own_bindings(node: type[DOMNode]) -> Iterator[Binding]:
    """Yield the bindings of the dashboard's own classes."""
    if node.__module__.startswith("membench.tui"):
        yield from (each for each in vars(node).get("BINDINGS", ()) if isinstance(each, Binding))
    for subclass in node.__subclasses__():
        yield from _own_bindings(subclass)


def _work_together(name: str, other: str) -> bool:
    """Return whether two actions can be run in the same place."""
    places = {name.partition(".")[0], other.partition(".")[0]}
    return len(places) == 1 or GLOBAL in places


def _split(keys: str) -> list[str]:
    return [key.strip() for key in keys.split(",")]


def _full_name(key: str) -> str:
    """Return a key's name as Textual spells it: `question_mark` for `?`."""
    *modifiers, last = key.split("+") if len(key) > 1 else [key]
    return "+".join([*modifiers, key_name(last) if len(last) == 1 else last])


def _is_key(key: str) -> bool:
    *modifiers, last = _full_name(key).split("+")
    printable = {key_name(chr(code)) for code in range(33, 127)}
    return set(modifiers) <= MODIFIERS and (last in printable or last in {each.value for each in Keys})
