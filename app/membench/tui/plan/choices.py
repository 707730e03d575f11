"""What can be chosen on the Plan: lists of items to tick, and settings with a few values each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from membench.plan.matrix import DEFAULT_SCENARIOS, SHIPPED, THREADS_MAX, Choice, chosen_strategies
from membench.plan.scenarios import CLIENTS_MAX, ITEMS_MAX, Reference, Scenario
from membench.units import format_rate, parse_duration, plural
from membench_backends.base import BackendInfo
from membench_backends.embedding.strategies.catalogue import AUTO, STRATEGIES, StrategyInfo, option_fields
from membench_backends.registry import backends, built_in, version_of
from membench_backends.stores.table import STORES

AS_SCENARIO = "as scenario"
MEMORIES = " memories"
REPEATS_MAX = 100
RATE_MAX = 1e6
BRIEF = 28
"""Columns for a few words beside a strategy's name."""


class Item(msgspec.Struct, frozen=True):
    """One thing to tick."""

    name: str
    beside: str = ""
    """A few words at the right of its name."""
    about: tuple[str, ...] = ()
    """What to know before ticking it: a line each."""
    unavailable: str = ""
    """Why it cannot be ticked; empty when it can."""


class ChoiceList(msgspec.Struct, frozen=True):
    """A list of the form. Its `key` is the field of `Choice` that it fills."""

    key: str
    title: str
    items: tuple[Item, ...]
    when_empty: str
    """What happens when nothing is ticked."""


Names = tuple[str, ...]


class Setting(msgspec.Struct, frozen=True):
    """A row of the form: a few values by name, of which one is chosen, or several where that makes a matrix."""

    title: str
    values: tuple[Item, ...]
    """The first is the default."""
    about: str
    read: Callable[[Choice], Names]
    """The names of a choice's values."""
    write: Callable[[Names], dict[str, object]]
    """Fields of a choice, from names."""
    several: bool = False
    first_alone: bool = False
    """The first value cannot be chosen beside another one."""
    other: Callable[[str], str] | None = None
    """The name of a value that is typed; raises a ValueError for what cannot be one. None: there are no others."""
    others: str = ""
    """What can be typed, in words."""


def choice_lists(catalogue: Mapping[str, Scenario], *, complete: bool = True) -> tuple[ChoiceList, ...]:
    """The lists of the form, in the order of their panels.

    Args:
        catalogue: The scenarios to choose from.
        complete: With what takes a while to find out: versions, and backends that other distributions bring.
    """
    known = (backends() if complete else built_in()).values()
    shown = tuple(_backend(info, version_of(info) if complete else None) for info in known)
    scenarios = tuple(_scenario(name, scenario) for name, scenario in catalogue.items())
    return (
        ChoiceList("scenarios", "Scenario", scenarios, "choose at least one"),
        ChoiceList("backends", "Backend", shown, "the scenario's own"),
        ChoiceList("strategies", "Strategy", tuple(_strategies(known)), "as backends ship"),
    )


def ticks_of(choice: Choice, catalogue: Mapping[str, Scenario], lists: Iterable[ChoiceList]) -> dict[str, Names]:
    """What is ticked in each list to make a choice; what is not known, or cannot run here, is left out."""
    named = DEFAULT_SCENARIOS if choice.scenarios is None else choice.scenarios
    scenarios = tuple(name for name in named if name in catalogue)
    if choice.scenarios is None and not scenarios:
        scenarios = tuple(catalogue)[:1]
    own = {tuple(catalogue[name].backends) for name in scenarios}
    shared = own.pop() if len(own) == 1 else ()
    wanted = {
        "scenarios": scenarios,
        "backends": choice.backends or shared,
        "strategies": chosen_strategies(choice),
    }
    return {
        panel.key: tuple(item.name for item in panel.items if item.name in wanted[panel.key] and not item.unavailable)
        for panel in lists
    }


def _scenario(name: str, scenario: Scenario) -> Item:
    about = [f"{scenario.summary} {scenario.shows}"]
    if scenario.references:
        first, *others = map(reference_in_words, scenario.references)
        about += [f"Published: {first}", *(f"· {other}" for other in others)]
    return Item(name, brief_extent(scenario), tuple(about))


def brief_extent(scenario: Scenario) -> str:
    """How much a scenario does, in the few columns beside its name: `20 clients, 100 adds`, `1 client, 100 at once`."""
    if scenario.duration:
        amount = f"{parse_duration(scenario.duration):g} s"
    elif scenario.operation == "add_batch" and scenario.batch_size == scenario.items:
        amount = f"{scenario.items:,} at once"
    else:
        amount = f"{scenario.items:,} adds"
    return f"{plural(scenario.clients, 'client')}, {amount}"


def reference_in_words(reference: Reference) -> str:
    """`AgentMem 14.3 ops/s, measured (its benchmark of 2025-12-10 on macOS)`."""
    amount = format_rate(reference.memories_per_s)
    if reference.memories_per_s_high is not None:
        amount += f"–{format_rate(reference.memories_per_s_high)}"
    return f"{reference.system} {amount} ops/s, {reference.kind} ({reference.source})"


def _backend(info: BackendInfo, version: str | None) -> Item:
    about = tuple(line for line in (info.summary, info.note) if line)
    return Item(info.name, version or "", about, info.unavailable)


def _strategies(known: Iterable[BackendInfo]) -> Iterable[Item]:
    shipped = [f"· {info.name}: {', '.join(info.default_strategies)}" for info in known if info.capabilities.embeds]
    yield Item(SHIPPED, "what each backend uses", ("Each backend with the strategies that it ships with:", *shipped))
    for name, info in STRATEGIES.items():
        yield Item(name, brief(info.summary), (f"{info.summary[0].upper()}{info.summary[1:]}.", *_options(info)))


def _options(info: StrategyInfo) -> Iterable[str]:
    fields = option_fields(info.name)
    yield "o changes its options:" if fields else "It has no options."
    for option in fields:
        yield f"· {option.name}: {option.description}; {option_value(option.default)} by default"


def option_value(value: object) -> str:
    """An option's value as a person writes it: `auto`, `20`, `false`."""
    if isinstance(value, float):
        return f"{value:g}"
    return AUTO if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def brief(summary: str) -> str:
    """As many clauses of a summary as there is room for beside a name."""
    ends = [at for at, letter in enumerate(summary) if letter in ":,"] + [len(summary)]
    return summary[: max((end for end in ends if end <= BRIEF), default=len(summary))]


def settings(catalogue: Mapping[str, Scenario]) -> tuple[Setting, ...]:
    """The settings of the form: first those that make a matrix, then those that hold for every run."""
    return (_clients(), _threads(), _precision(), _store(), _loop(catalogue), _length(), _repeats(), _embedder())


def _clients() -> Setting:
    return Setting(
        "clients",
        _items({AS_SCENARIO: "Each scenario says how many."}, (1, 2, 4, 8, 16, 20, 32, 64), _callers),
        "Concurrent callers, as agents that share one memory layer.",
        lambda choice: tuple(map(str, choice.clients)) or (AS_SCENARIO,),
        lambda names: {"clients": tuple(int(name) for name in names if name != AS_SCENARIO)},
        several=True,
        first_alone=True,
        other=lambda text: str(_whole(text, CLIENTS_MAX)),
        others=f"whole numbers from 1 to {CLIENTS_MAX:,}, with commas between them",
    )


def _callers(number: int) -> str:
    return f"{plural(number, 'caller')} at once, whatever the scenario says."


def _threads() -> Setting:
    return Setting(
        "threads",
        _items({AUTO: "As the library or the strategy decides: as a rule, one for each core."}, (1, 2, 4, 8)),
        "Threads that one session of the model uses for one call.",
        lambda choice: tuple(AUTO if count is None else str(count) for count in choice.threads),
        lambda names: {"threads": tuple(None if name == AUTO else int(name) for name in names)},
        several=True,
        other=lambda text: text if text == AUTO else str(_whole(text, THREADS_MAX)),
        others=f"whole numbers from 1 to {THREADS_MAX:,}, with commas between them",
    )


def _precision() -> Setting:
    meanings = {
        "fp32": "32-bit floats, as published.",
        "int8": "8-bit integers: quicker where the processor has instructions for them; vectors differ a little.",
    }
    return Setting(
        "precision",
        _items(meanings),
        "What the model computes in.",
        lambda choice: tuple(choice.precisions),
        lambda names: {"precisions": names},
        several=True,
    )


def _store() -> Setting:
    stores = tuple(
        Item(name, "" if store.thread_safe else "!", tuple(filter(None, (store.summary, store.warning))), why)
        for name, store in STORES.items()
        for why in (store.unavailable,)
    )
    return Setting(
        "store",
        stores,
        "Where vectors are kept.",
        lambda choice: tuple(name for name in choice.stores if name in STORES),
        lambda names: {"stores": names},
        several=True,
    )


def _loop(catalogue: Mapping[str, Scenario]) -> Setting:
    closed = AS_SCENARIO if any(scenario.rate for scenario in catalogue.values()) else "closed"
    meanings = {closed: "A closed loop, unless the scenario has a rate: a client's next operation starts when its last "
                        "one ends."}  # fmt: skip
    rates = {
        f"{rate}/s": f"An open loop: {rate} operations a second fall due, all clients together, whether or not the "
        "last ones have ended; latency counts from then."
        for rate in (20, 50, 100, 200, 500)
    }
    return Setting(
        "loop",
        _items(meanings | rates),
        "When operations start.",
        lambda choice: (
            closed if choice.target_operations_per_s is None else f"{choice.target_operations_per_s:.10g}/s",
        ),
        lambda names: {"target_operations_per_s": None if names == (closed,) else float(names[0].removesuffix("/s"))},
        other=_rate,
        others="operations a second, all clients together",
    )


def _length() -> Setting:
    meanings = {AS_SCENARIO: "Each scenario says how long, or how many memories."}
    lengths = {f"{seconds} s": f"Every run is measured for {plural(seconds, 'second')}." for seconds in (1, 3, 10, 30)}
    counts = {_memories(items): f"Every run ends after {_memories(items)}." for items in (100,)}
    return Setting(
        "length",
        _items(meanings | lengths | counts),
        "How long a run is: a time, or a number of memories.",
        _lengths_of,
        _length_fields,
        other=_length_name,
        others="a time with its unit, such as 500ms, 5s or 2m, or a number of memories",
    )


def _lengths_of(choice: Choice) -> Names:
    if choice.items is not None:
        return (_memories(choice.items),)
    return (AS_SCENARIO if choice.duration_s is None else _seconds(choice.duration_s),)


def _length_fields(names: Names) -> dict[str, object]:
    items, duration_s = None, None
    if names[0].endswith(MEMORIES):
        items = _whole(names[0].removesuffix(MEMORIES), ITEMS_MAX)
    elif names[0] != AS_SCENARIO:
        duration_s = parse_duration(names[0])
    return {"items": items, "duration_s": duration_s}


def _length_name(text: str) -> str:
    count = text.removesuffix(MEMORIES).rstrip()
    return _memories(_whole(count, ITEMS_MAX)) if count[-1:].isdigit() else _seconds(parse_duration(text))


def _memories(items: int) -> str:
    return f"{items:,}{MEMORIES}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.10g} s"


def _repeats() -> Setting:
    return Setting(
        "repeats",
        _items(
            {"1": "Measured once."},
            (3, 5, 10),
            lambda count: f"Measured {count} times in one process; the spread gives an interval.",
        ),
        "How often each run is measured.",
        lambda choice: (str(choice.repeats or 1),),
        lambda names: {"repeats": None if names == ("1",) else int(names[0])},
        other=lambda text: str(_whole(text, REPEATS_MAX)),
        others=f"a whole number from 1 to {REPEATS_MAX}",
    )


def _embedder() -> Setting:
    meanings = {
        "model": "The embedding model.",
        "fixed": "A table of ready vectors in place of the model: what remains is the pipeline's own cost.",
    }
    return Setting(
        "embedder",
        _items(meanings),
        "Where vectors come from.",
        lambda choice: (choice.embedder,),
        lambda names: {"embedder": names[0]},
    )


def _items(
    meanings: Mapping[str, str], numbers: Iterable[int] = (), meaning: Callable[[int], str] | None = None
) -> tuple[Item, ...]:
    counted = {str(number): meaning(number) if meaning else "" for number in numbers}
    return tuple(Item(name, about=tuple(filter(None, (about,)))) for name, about in {**meanings, **counted}.items())


def _whole(text: str, most: int) -> int:
    digits = text.replace(",", "")
    if not digits.isdecimal() or not 1 <= int(digits) <= most:
        raise ValueError(f"{text!r} is no whole number from 1 to {most:,}")
    return int(digits)


def _rate(text: str) -> str:
    try:
        rate = float(text.removesuffix("/s").replace(",", ""))
    except ValueError:
        rate = 0.0
    if not 0 < rate <= RATE_MAX:
        raise ValueError(f"{text!r} is no rate above 0 and up to {RATE_MAX:,.0f} operations a second")
    return f"{rate:.10g}/s"
