"""What can be chosen on the Plan: lists of items with what to know about each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.catalogue import Reference, Scenario
from app.inventory import extent, options_in_words
from app.plan import DEFAULT_SCENARIOS, DEFAULT_STORE
from app.units import format_rate, plural
from backends.base import BackendInfo
from backends.embedding.strategies import STRATEGIES
from backends.registry import backends, version_of
from backends.stores.table import STORES

CLIENTS = (1, 2, 4, 8, 16, 20, 32, 64)
DEFAULT_BACKENDS = ("mem0", "agentmem")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to tick."""

    name: str
    beside: str = ""
    """A few words at the right of its name."""
    about: tuple[str, ...] = ()
    """What to know before ticking it: a line each."""
    unavailable: str = ""
    """Why it cannot be ticked; empty when it can."""


@dataclass(frozen=True, slots=True)
class ChoiceList:
    """A list of the form. Its `key` is the field of `Choice` that it fills."""

    key: str
    title: str
    items: tuple[Item, ...]
    ticked: tuple[str, ...]
    when_empty: str
    """What happens when nothing is ticked."""


def choice_lists(catalogue: Mapping[str, Scenario]) -> tuple[ChoiceList, ...]:
    """Everything that the form offers, in the order of its panels."""
    scenarios = tuple(_scenario(name, scenario) for name, scenario in catalogue.items())
    default = tuple(name for name in DEFAULT_SCENARIOS if name in catalogue) or tuple(catalogue)[:1]
    known = tuple(map(_backend, backends().values()))
    ready = tuple(item.name for item in known if item.name in DEFAULT_BACKENDS and not item.unavailable)
    return (
        ChoiceList("scenarios", "Scenario", scenarios, default, "choose at least one"),
        ChoiceList("backends", "Backend", known, ready, "the scenario's own"),
        ChoiceList("strategies", "Strategy", tuple(_strategies()), (), "as backends ship"),
        ChoiceList("stores", "Store", tuple(_stores()), (DEFAULT_STORE,), f"the default: {DEFAULT_STORE}"),
        ChoiceList("clients", "Clients", tuple(_clients()), (), "as scenarios say"),
    )


def _scenario(name: str, scenario: Scenario) -> Item:
    about = [f"{scenario.summary} {scenario.shows}"]
    if scenario.references:
        about += [f"Published: {reference_in_words(reference)}" for reference in scenario.references]
    return Item(name, extent(scenario), tuple(about))


def reference_in_words(reference: Reference) -> str:
    """`AgentMem 14.3 ops/s, measured (its benchmark of 2025-12-10 on macOS)`."""
    amount = format_rate(reference.ops_per_s)
    if reference.ops_per_s_high is not None:
        amount += f"–{format_rate(reference.ops_per_s_high)}"
    return f"{reference.system} {amount} ops/s, {reference.kind} ({reference.source})"


def _backend(info: BackendInfo) -> Item:
    about = tuple(line for line in (info.summary, info.note) if line)
    return Item(info.name, version_of(info) or "", about, info.unavailable)


def _strategies() -> Iterable[Item]:
    for name, info in STRATEGIES.items():
        options = options_in_words(info)
        about = (f"{info.summary}.", f"Options: {options}." if options else "It has no options.")
        yield Item(name, options, about)


def _stores() -> Iterable[Item]:
    for name, store in STORES.items():
        about = tuple(line for line in (store.summary, store.warning) if line)
        yield Item(name, "" if store.thread_safe else "! not thread-safe", about, store.unavailable)


def _clients() -> Iterable[Item]:
    for number in CLIENTS:
        about = (
            f"{plural(number, 'caller')} at once, in place of what the scenario says; ticking several compares them."
        )
        yield Item(str(number), plural(number, "client").partition(" ")[2], (about,))
