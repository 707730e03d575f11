"""The options of strategies that the user has changed in the form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from membench.plan.options import SHIPPED, Choice
from membench.tui.plan.forms import changed_options
from membench.tui.plan.summary import options_text
from membench_backends.embedding.strategies.catalogue import STRATEGIES
from membench_backends.options import option_text


class StrategyOptions:
    """Changed options by strategy."""

    def __init__(self) -> None:
        self._changed: dict[str, dict[str, str]] = {}

    def read(self, choice: Choice) -> None:
        """Take over the options of a choice. One that names no strategy applies to all that have it."""
        self._changed = {}
        # Options for one strategy come last, and so override those for all.
        for key, value in sorted(choice.strategy_options.items(), key=lambda option: "." in option[0]):
            strategy, _, option = key.rpartition(".")
            for name in (strategy,) if strategy else STRATEGIES:
                if name in STRATEGIES and option in STRATEGIES[name].options.__struct_fields__:
                    self._changed.setdefault(name, {})[option] = option_text(value)

    def of(self, strategy: str) -> Mapping[str, str]:
        """Return the changed options of a strategy."""
        return self._changed.get(strategy, {})

    def change(self, strategy: str, values: Mapping[str, str]) -> None:
        """Take over the values of a strategy's form."""
        self._changed[strategy] = changed_options(strategy, values)

    def for_choice(self, ticked: Sequence[str]) -> dict[str, str]:
        """Return the options of a choice of the ticked strategies."""
        strategies = STRATEGIES if not ticked or SHIPPED in ticked else ticked
        return {
            f"{name}.{option}": value
            for name, changed in self._changed.items()
            if name in strategies
            for option, value in changed.items()
        }

    def notes(self) -> dict[str, str]:
        """Return the changed options of each strategy in words, such as `size 128`."""
        return {name: options_text(changed) for name, changed in self._changed.items() if changed}
