"""The form of Plan: its lists and rows, and the choice that they make together."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec
from textual.widget import Widget

from membench.plan.options import SHIPPED, Choice
from membench.plan.scenarios import Scenario
from membench.tui.plan.checklist import CheckList
from membench.tui.plan.choices import choice_lists, settings, ticks_of
from membench.tui.plan.own_options import OwnOptions
from membench.tui.plan.settings import Settings
from membench_backends.embedding.strategies.catalogue import STRATEGIES
from membench_backends.registry import backends, built_in


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
        self.options = {
            "strategies": OwnOptions({name: info.options for name, info in STRATEGIES.items()}),
            "backends": OwnOptions({name: info.options for name, info in built_in().items()}),
        }
        """The changed options of the items of two lists, by the key of the list."""

    def complete_lists(self) -> None:
        """Add what takes time to find: versions, and the backends of other distributions."""
        for choice in choice_lists(self._catalogue):
            self.lists[choice.key].choice = choice
        self.options["backends"].declared = {name: info.options for name, info in backends().items()}

    def options_at(self, panel: Widget | None) -> OwnOptions | None:
        """Return the changed options of the items of a list; None where the items of a panel have none."""
        return self.options.get(panel.choice.key) if isinstance(panel, CheckList) else None

    def change_options(self, key: str, name: str, values: Mapping[str, str]) -> None:
        """Change the options of an item of a list, and show them beside its name."""
        self.options[key].change(name, values)
        self._show_changed()

    def _show_changed(self) -> None:
        for key, options in self.options.items():
            self.lists[key].changed = options.notes()

    @property
    def choice(self) -> Choice:
        """What is chosen."""
        ticked = {key: panel.ticked for key, panel in self.lists.items()}
        fields: dict[str, object] = {}
        for setting in self.settings.settings:
            fields |= setting.write(self.settings.chosen[setting.title])
        strategies = ticked["strategies"]
        optional = STRATEGIES if not strategies or SHIPPED in strategies else strategies
        return msgspec.structs.replace(
            self._base,
            scenarios=ticked["scenarios"],
            backends=ticked["backends"],
            strategies=() if strategies == (SHIPPED,) else strategies,
            strategy_options=self.options["strategies"].for_choice(optional),
            backend_options=self.options["backends"].for_choice(self._backends(ticked)),
            **fields,
        )

    @choice.setter
    def choice(self, choice: Choice) -> None:
        self._base = choice
        self.options["strategies"].read(choice.strategy_options)
        self.options["backends"].read(choice.backend_options)
        lists = [checklist.choice for checklist in self.lists.values()]
        for key, names in ticks_of(choice, self._catalogue, lists).items():
            self.lists[key].ticked = names
        rows = self.settings.settings
        self.settings.chosen = {row.title: row.read(choice) or (row.values[0].name,) for row in rows}
        self._show_changed()

    def _backends(self, ticked: Mapping[str, tuple[str, ...]]) -> Collection[str]:
        """Return the backends that run: those ticked, or else those of the ticked scenarios."""
        own = {name for scenario in ticked["scenarios"] for name in self._catalogue[scenario].backends}
        return ticked["backends"] or own
