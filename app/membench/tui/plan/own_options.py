"""The options of strategies or backends that the user has changed in the form."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from membench.plan.own_options import Declarations
from membench.tui.plan.summary import options_in_words
from membench_backends.options import option_fields, option_text, parse_alternatives


class OwnOptions:
    """Changed options by owner: the texts of their values, with commas between several."""

    def __init__(self, declared: Declarations) -> None:
        """Start with the defaults.

        Args:
            declared: The Structs that declare the options, by the names of their owners.
        """
        self.declared = declared
        self._changed: dict[str, dict[str, str]] = {}

    def read(self, options: Mapping[str, Any]) -> None:
        """Take over the options of a choice. One that names no owner applies to all that have it."""
        self._changed = {}
        # Options for one owner come last, and so override those for all.
        for key, value in sorted(options.items(), key=lambda option: "." in option[0]):
            owner, _, option = key.rpartition(".")
            for name in (owner,) if owner else self.declared:
                if name in self.declared and option in self.declared[name].__struct_fields__:
                    text = ",".join(map(option_text, value)) if isinstance(value, list | tuple) else option_text(value)
                    self._changed.setdefault(name, {})[option] = text

    def of(self, owner: str) -> Mapping[str, str]:
        """Return the changed options of an owner."""
        return self._changed.get(owner, {})

    def change(self, owner: str, values: Mapping[str, str]) -> None:
        """Take over the values of an owner's form."""
        options = self.declared[owner]
        defaults = {field.name: (field.default,) for field in option_fields(options)}
        alternatives = parse_alternatives(options, values, owner)
        self._changed[owner] = {
            name: ",".join(map(option_text, chosen))
            for name, chosen in alternatives.items()
            if chosen != defaults[name]
        }

    def for_choice(self, owners: Collection[str]) -> dict[str, str]:
        """Return the options of a choice of these owners."""
        return {
            f"{name}.{option}": value
            for name, changed in self._changed.items()
            if name in owners
            for option, value in changed.items()
        }

    def notes(self) -> dict[str, str]:
        """Return the changed options of each owner in words, such as `size 128`."""
        return {name: options_in_words(changed) for name, changed in self._changed.items() if changed}
