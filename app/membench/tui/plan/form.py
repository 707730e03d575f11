"""The form of Plan: its lists and rows, and the choice that they make together."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from membench.plan.options import SHIPPED, Choice
from membench.plan.scenarios import Scenario
from membench.tui.plan.checklist import CheckList
from membench.tui.plan.choices import choice_lists, settings, ticks_of
from membench.tui.plan.settings import Settings
from membench.tui.plan.strategy_options import StrategyOptions


class PlanForm:
    """The widgets of the form. `choice` is what they say, together with what the form does not show."""

    def __init__(self, catalogue: Mapping[str, Scenario]) -> None:
        self._catalogue = catalogue
        self._base = Choice()
        """What the form does not show, as the preset has it."""
        choices = choice_lists(catalogue, complete=False)
        ticks = ticks_of(self._base, catalogue, choices)
        rows = settings(catalogue)
        self.lists = {choice.key: CheckList(choice, ticks[choice.key]) for choice in choices}
        self.settings = Settings(rows, {row.title: row.read(self._base) for row in rows})
        self.options = StrategyOptions()

    @property
    def strategies(self) -> CheckList:
        """The list of strategies."""
        return self.lists["strategies"]

    def complete_lists(self) -> None:
        """Add what takes time to find: versions, and the backends of other distributions."""
        for choice in choice_lists(self._catalogue):
            self.lists[choice.key].choice = choice

    def change_options(self, strategy: str, values: Mapping[str, str]) -> None:
        """Change the options of a strategy, and show them beside its name."""
        self.options.change(strategy, values)
        self.strategies.changed = self.options.notes()

    @property
    def choice(self) -> Choice:
        """What is chosen."""
        ticked = {key: panel.ticked for key, panel in self.lists.items()}
        fields: dict[str, object] = {}
        for setting in self.settings.settings:
            fields |= setting.write(self.settings.chosen[setting.title])
        strategies = ticked["strategies"]
        return msgspec.structs.replace(
            self._base,
            scenarios=ticked["scenarios"],
            backends=ticked["backends"],
            strategies=() if strategies == (SHIPPED,) else strategies,
            strategy_options=self.options.for_choice(strategies),
            **fields,
        )

    @choice.setter
    def choice(self, choice: Choice) -> None:
        self._base = choice
        self.options.read(choice)
        lists = [checklist.choice for checklist in self.lists.values()]
        for key, names in ticks_of(choice, self._catalogue, lists).items():
            self.lists[key].ticked = names
        rows = self.settings.settings
        self.settings.chosen = {row.title: row.read(choice) or (row.values[0].name,) for row in rows}
        self.strategies.changed = self.options.notes()
