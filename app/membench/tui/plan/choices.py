"""What Plan offers: lists of items to tick, and a row of values for every other option.

What an option is for and which values it takes comes from its declaration in `membench.plan.options`; this module adds
the values worth offering and what each of them means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from membench.plan.options import SHIPPED, Choice, allowed_values, run_options
from membench.plan.scenarios import RatioReference, Reference, Scenario
from membench.report.published import published_text
from membench.units import parse_duration, plural
from membench_backends.base import BackendInfo
from membench_backends.embedding.strategies.catalogue import STRATEGIES
from membench_backends.options import AUTO, OptionField, option_fields, option_text
from membench_backends.registry import backends, built_in, version_of
from membench_backends.stores.table import STORES

AS_SCENARIO = "as scenario"
MEMORIES = " memories"
PER_SECOND = "/s"
CLIENT_COUNTS = (1, 2, 4, 8, 16, 20, 32, 64)
NOTE_COLUMNS = 28
"""Columns for a note beside a strategy's name."""

Names = tuple[str, ...]


class Item(msgspec.Struct, frozen=True):
    """One thing to tick."""

    name: str
    note: str = ""
    """A few words to the right of the name."""
    about: tuple[str, ...] = ()
    """What to know before ticking it, line by line."""
    unavailable: str = ""
    """Why it cannot be ticked; empty when it can."""


class ChoiceList(msgspec.Struct, frozen=True):
    """A list of the form. Its `key` is the field of `Choice` that it fills."""

    key: str
    title: str
    items: tuple[Item, ...]
    when_empty: str
    """What applies when nothing is ticked."""


class Setting(msgspec.Struct, frozen=True):
    """A row of the form: values by name, of which one is chosen, or several where that makes a matrix."""

    title: str
    values: tuple[Item, ...]
    """The first is the default."""
    about: str
    read: Callable[[Choice], Names]
    """Returns the names of a choice's values."""
    write: Callable[[Names], dict[str, object]]
    """Returns the fields of a choice for names."""
    several: bool = False
    first_alone: bool = False
    """Whether the first value excludes the others."""
    parse: Callable[[str], str] | None = None
    """Returns the name of a typed value, or raises a ValueError; None where no other values exist."""
    allowed: str = ""
    """The values that can be typed, in words."""


def choice_lists(catalogue: Mapping[str, Scenario], *, complete: bool = True) -> tuple[ChoiceList, ...]:
    """Return the lists of the form, in the order of their panels.

    Args:
        catalogue: The scenarios to choose from.
        complete: Whether to include what takes time to find: versions, and the backends of other distributions.
    """
    known = (backends() if complete else built_in()).values()
    systems = tuple(_backend(info, version_of(info) if complete else None) for info in known)
    scenarios = tuple(_scenario(name, scenario) for name, scenario in catalogue.items())
    return (
        ChoiceList("scenarios", "Scenario", scenarios, "choose at least one"),
        ChoiceList("backends", "Backend", systems, "the scenario's own"),
        ChoiceList("strategies", "Strategy", tuple(_strategies(known)), "as backends ship"),
    )


def ticks_of(choice: Choice, catalogue: Mapping[str, Scenario], lists: Iterable[ChoiceList]) -> dict[str, Names]:
    """Return the ticks of each list that make a choice, without names that are unknown or cannot run here."""
    scenarios = tuple(name for name in choice.effective_scenarios if name in catalogue)
    if choice.scenarios is None and not scenarios:
        scenarios = tuple(catalogue)[:1]
    own = {tuple(catalogue[name].backends) for name in scenarios}
    shared = own.pop() if len(own) == 1 else ()
    wanted = {
        "scenarios": scenarios,
        "backends": choice.backends or shared,
        "strategies": choice.effective_strategies,
    }
    return {
        panel.key: tuple(item.name for item in panel.items if item.name in wanted[panel.key] and not item.unavailable)
        for panel in lists
    }


def _scenario(name: str, scenario: Scenario) -> Item:
    about = [f"{scenario.summary} {scenario.shows}"]
    published = list(_published_texts(scenario))
    if published:
        about += [f"Published, memories/s: {published[0]}", *(f"· {other}" for other in published[1:])]
    return Item(name, brief_extent(scenario), tuple(about))


def brief_extent(scenario: Scenario) -> str:
    """Return how much a scenario does: `20 clients, 100 adds`, `1 client, 100 at once`."""
    if scenario.duration:
        amount = f"{parse_duration(scenario.duration):g} s"
    elif scenario.operation == "add_batch" and scenario.batch_size == scenario.items:
        amount = f"{scenario.items:,} at once"
    else:
        amount = f"{scenario.items:,} adds"
    return f"{plural(scenario.clients, 'client')}, {amount}"


def _published_texts(scenario: Scenario) -> Iterator[str]:
    """Yield `AgentMem 29.0 and 2.03x its single-add, measured (its benchmark); 235, claimed (…)`, per system."""
    by_origin: dict[str, dict[str, list[str]]] = {}
    figures: list[Reference | RatioReference] = [*scenario.references, *scenario.ratios]
    for figure in figures:
        origins = by_origin.setdefault(figure.system, {})
        origins.setdefault(f"{figure.kind} ({figure.source})", []).append(_published_text(figure))
    for system, origins in by_origin.items():
        texts = (f"{' and '.join(values)}, {origin}" for origin, values in origins.items())
        yield f"{system} {'; '.join(texts)}"


def _published_text(figure: Reference | RatioReference) -> str:
    if isinstance(figure, Reference):
        return published_text(figure.memories_per_s, figure.memories_per_s_high)
    return f"{published_text(figure.times, None, 'x')} its {figure.than}"


def _backend(info: BackendInfo, version: str | None) -> Item:
    about = tuple(line for line in (info.summary, info.note) if line)
    own = _options(info.options) if option_fields(info.options) else ()
    return Item(info.name, version or "", (*about, *own), info.unavailable)


def _strategies(known: Iterable[BackendInfo]) -> Iterable[Item]:
    shipped = [f"· {info.name}: {', '.join(info.default_strategies)}" for info in known if info.capabilities.embeds]
    yield Item(SHIPPED, "what each backend uses", ("Each backend with the strategies that it ships with:", *shipped))
    for name, info in STRATEGIES.items():
        about = (f"{info.summary[0].upper()}{info.summary[1:]}.", *_options(info.options))
        yield Item(name, brief(info.summary), about)


def _options(options: type[msgspec.Struct]) -> Iterable[str]:
    fields = option_fields(options)
    yield "o changes its options:" if fields else "It has no options."
    for option in fields:
        yield f"· {option.name}: {option.description}; {option_text(option.default)} by default"


def brief(summary: str) -> str:
    """Return as many clauses of a summary as fit beside a name."""
    ends = [at for at, letter in enumerate(summary) if letter in ":,"] + [len(summary)]
    return summary[: max((end for end in ends if end <= NOTE_COLUMNS), default=len(summary))]


def settings(catalogue: Mapping[str, Scenario]) -> tuple[Setting, ...]:
    """Return the rows of the form: first those that make a matrix, then those that apply to every run."""
    options = run_options()
    return (
        _clients(options["clients"]),
        _threads(options["threads"]),
        _precision(options["precisions"]),
        _store(options["stores"]),
        _loop(options["target_operations_per_s"], catalogue),
        _length(options["duration_s"], options["items"]),
        _repeats(options["repeats"]),
        _embedder(options["embedder"]),
    )


def _clients(option: OptionField) -> Setting:
    counts = {str(count): f"{plural(count, 'caller')} at once, whatever the scenario says." for count in CLIENT_COUNTS}
    return Setting(
        "clients",
        _items({AS_SCENARIO: "Each scenario says how many.", **counts}),
        f"{option.description} They stand for agents that share one memory layer.",
        lambda choice: tuple(map(str, choice.clients)) or (AS_SCENARIO,),
        lambda names: {"clients": () if names == (AS_SCENARIO,) else option.parse(names)},
        several=True,
        first_alone=True,
        parse=lambda text: _parsed(option, text),
        allowed=_several_of(option),
    )


def _threads(option: OptionField) -> Setting:
    counts = {str(count): "" for count in (1, 2, 4, 8)}
    return Setting(
        "threads",
        _items({AUTO: "As the library or the strategy decides: usually one per core.", **counts}),
        option.description,
        lambda choice: tuple(map(option_text, choice.threads)),
        lambda names: {"threads": option.parse(names)},
        several=True,
        parse=lambda text: _parsed(option, text),
        allowed=_several_of(option),
    )


def _precision(option: OptionField) -> Setting:
    meanings = {
        "fp32": "32-bit floats, as published.",
        "int8": "8-bit integers: faster where the processor has instructions for them; vectors differ slightly.",
    }
    return Setting(
        "precision",
        _items({name: meanings.get(name, "") for name in option.choices}),
        option.description,
        lambda choice: tuple(choice.precisions),
        lambda names: {"precisions": names},
        several=True,
    )


def _store(option: OptionField) -> Setting:
    stores = tuple(
        Item(name, "" if store.thread_safe else "!", tuple(filter(None, (store.summary, store.warning))), reason)
        for name, store in STORES.items()
        for reason in (store.unavailable,)
    )
    return Setting(
        "store",
        stores,
        option.description,
        lambda choice: tuple(name for name in choice.stores if name in STORES),
        lambda names: {"stores": names},
        several=True,
    )


def _loop(option: OptionField, catalogue: Mapping[str, Scenario]) -> Setting:
    closed = AS_SCENARIO if any(scenario.rate for scenario in catalogue.values()) else "closed"
    closed_loop = "A closed loop, unless the scenario has a rate: each operation starts when the last one ends."
    rates = {
        f"{rate}{PER_SECOND}": f"An open loop: {rate} operations per second fall due for all clients together, whether "
        "or not earlier ones have ended. Latency counts from then."
        for rate in (20, 50, 100, 200, 500)
    }

    def parse(text: str) -> str:
        return f"{_value_of(option, text.removesuffix(PER_SECOND).replace(',', '')):.10g}{PER_SECOND}"

    def rate_of(names: Names) -> float | None:
        (name,) = names
        return None if name == closed else float(name.removesuffix(PER_SECOND))

    def name_of(choice: Choice) -> Names:
        rate = choice.target_operations_per_s
        return (closed if rate is None else f"{rate:.10g}{PER_SECOND}",)

    return Setting(
        "loop",
        _items({closed: closed_loop, **rates}),
        option.description,
        name_of,
        lambda names: {"target_operations_per_s": rate_of(names)},
        parse=parse,
        allowed=f"operations per second: {allowed_values(option.name)}",
    )


def _length(duration: OptionField, items: OptionField) -> Setting:
    seconds = {f"{count} s": f"Measure every run for {plural(count, 'second')}." for count in (1, 3, 10, 30)}

    def parse(text: str) -> str:
        count = text.removesuffix(MEMORIES).rstrip()
        if count[-1:].isdigit():
            return _memories(_value_of(items, count.replace(",", "")))
        return _seconds(parse_duration(text))

    def read(choice: Choice) -> Names:
        if choice.items is not None:
            return (_memories(choice.items),)
        return (AS_SCENARIO if choice.duration_s is None else _seconds(choice.duration_s),)

    def write(names: Names) -> dict[str, object]:
        (name,) = names
        counted = name.endswith(MEMORIES)
        return {
            items.name: items.parse(name.removesuffix(MEMORIES).replace(",", "")) if counted else None,
            duration.name: None if counted or name == AS_SCENARIO else parse_duration(name),
        }

    return Setting(
        "length",
        _items(
            {
                AS_SCENARIO: "Each scenario says how long, or how many memories.",
                **seconds,
                _memories(100): "Every run ends after 100 memories.",
            }
        ),
        "When a run ends: after a time, or after a number of memories.",
        read,
        write,
        parse=parse,
        allowed="a time with its unit, such as 500ms, 5s or 2m, or a number of memories",
    )


def _memories(count: int) -> str:
    return f"{count:,}{MEMORIES}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.10g} s"


def _repeats(option: OptionField) -> Setting:
    counts = {str(count): f"{count} fresh processes; their spread gives an interval." for count in (3, 5, 10)}
    return Setting(
        "repeats",
        _items({"1": "Measure once.", **counts}),
        option.description,
        lambda choice: (str(choice.effective_repeats or 1),),
        lambda names: {"repeats": option.parse(names[0])},
        parse=lambda text: str(_value_of(option, text)),
        allowed=allowed_values(option.name),
    )


def _embedder(option: OptionField) -> Setting:
    meanings = {
        "model": "The embedding model.",
        "fixed": "A table of ready vectors instead of the model: what remains is the cost of the rest.",
    }
    return Setting(
        "embedder",
        _items({name: meanings.get(name, "") for name in option.choices}),
        option.description,
        lambda choice: (choice.embedder,),
        lambda names: {"embedder": names[0]},
    )


def _items(meanings: Mapping[str, str]) -> tuple[Item, ...]:
    return tuple(Item(name, about=tuple(filter(None, (meaning,)))) for name, meaning in meanings.items())


def _parsed(option: OptionField, text: str) -> str:
    """Return the name of one typed value of an option that takes several."""
    (value,) = _value_of(option, (text,))
    return option_text(value)


def _value_of(option: OptionField, text: object) -> Any:
    """Return the value of a text.

    Raises:
        ValueError: The value is not allowed; a sentence that says what is.
    """
    try:
        return option.parse(text)
    except ValueError as error:
        raise ValueError(f"It {error}.") from error


def _several_of(option: OptionField) -> str:
    return f"{allowed_values(option.name)}; several with commas between them"
