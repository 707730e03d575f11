"""The scenario catalogue: the scenarios of a TOML file, with errors that name the table and the key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from membench.files import FileError, expand_home, read_toml
from membench.spec.corpus import parse_corpus
from membench.spec.options import (
    ARRIVALS_MAX,
    ArrivalProcess,
    Arrivals,
    BatchSize,
    Clients,
    Items,
    Operation,
    TargetRate,
    WarmupItems,
)
from membench.spec.run import OptionValue
from membench.units import parse_duration, suggest

SCHEMA = 2
"""Raised when a name or a meaning changes; older files can still be read."""
_RENAMED_SINCE_1 = {"ops_per_s": "memories_per_s", "ops_per_s_high": "memories_per_s_high"}
"""Keys of a reference by their names in schema 1."""

ReferenceKind = Literal["measured", "claimed", "unsourced"]


class CatalogueError(Exception):
    """A scenario file that cannot be used. The message is one line: the file, the table, the key, and what to do."""


class PublishedFigure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A figure that someone published of the workload of a scenario."""

    system: str
    backend: str | None = None
    """The backend that corresponds to the system, with its strategies as shipped; None where there is none."""
    kind: ReferenceKind
    """The evidence for the figure."""
    source: str


class Reference(PublishedFigure, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A published rate."""

    memories_per_s: Annotated[float, Meta(gt=0)]
    memories_per_s_high: float | None = None
    """The upper end of a published range."""


class RatioReference(PublishedFigure, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A published ratio of a system's rate in this scenario to its rate in another one."""

    times: Annotated[float, Meta(gt=0)]
    than: str
    """The other scenario."""


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A workload as the catalogue states it. The options of a plan replace its numbers."""

    name: str = ""
    file: str = ""
    """The file that states it."""
    summary: str
    """One sentence for lists."""
    shows: str = ""
    """What its runs show."""
    operation: Operation
    items: Items | None = None
    duration: str | None = None
    """With a unit, such as `5s`."""
    batch_size: BatchSize = 1
    clients: Clients = 1
    rate: TargetRate | None = None
    arrivals: ArrivalProcess = "poisson"
    corpus: str = "turns"
    corpus_column: str = "text"
    warmup_items: WarmupItems = 0
    backends: list[str] = []
    """The backends that run it unless others are chosen."""
    backend_options: dict[str, OptionValue | list[OptionValue]] = {}
    """Options of backends unless others are chosen, as in `Choice`: several values make a matrix."""
    references: list[Reference] = []
    ratios: list[RatioReference] = []

    def workload(self) -> dict[str, Any]:
        """Return the settings of a run of the scenario, by their names in a RunSpec.

        Raises:
            ValueError: The values do not fit together; the message begins with the key.
        """
        workload: dict[str, Any] = {
            "operation": self.operation,
            "corpus": parse_corpus(self.corpus, self.corpus_column),
            "clients": self.clients,
            "items": self.items,
            "duration_s": _seconds(self.duration),
            "batch_size": self.batch_size,
            "warmup_items": self.warmup_items,
            "repeats": 1,
            "seed": 1,
            "target_operations_per_s": self.rate,
            "arrivals": self.arrivals,
        }
        check_workload(workload)
        return workload


def check_workload(workload: Mapping[str, Any]) -> None:
    """Check that the settings of a workload fit together.

    Raises:
        ValueError: They do not; the message begins with the key at fault.
    """
    items, duration_s, batch_size = workload["items"], workload["duration_s"], workload["batch_size"]
    rate = workload["target_operations_per_s"]
    if (items is None) == (duration_s is None):
        raise ValueError("items: set exactly one of items and duration")
    if workload["operation"] == "add" and batch_size != 1:
        raise ValueError("batch_size: only the operation add_batch takes a list; remove the key, or use add_batch")
    if rate and items and items % batch_size:
        raise ValueError(f"items: an open loop needs a multiple of the batch size, {batch_size}")
    if rate and items and items / batch_size > ARRIVALS_MAX:
        raise ValueError(f"items: an open loop schedules at most {ARRIVALS_MAX:,} operations; lower the number")
    if rate and duration_s and rate * duration_s > ARRIVALS_MAX:
        raise ValueError(f"rate: rate times duration exceeds {ARRIVALS_MAX:,} operations; lower one of them")


def built_in_scenarios_path() -> Path:
    """Return the path of the built-in catalogue: in the package of a wheel, or at the top of a checkout."""
    package = Path(__file__).parents[1]
    return next(
        folder / "scenarios.toml" for folder in (package, package.parents[1]) if (folder / "scenarios.toml").exists()
    )


def load_catalogue(path: Path | None = None) -> dict[str, Scenario]:
    """Read a scenario file, or the built-in one.

    Raises:
        CatalogueError: The file cannot be read, or one of its entries is wrong.
    """
    path = path or built_in_scenarios_path()
    try:
        document = read_toml(path)
    except FileError as error:
        raise CatalogueError(str(error)) from error
    tables = _scenario_tables(document, path)
    catalogue = {name: _scenario(name, table, path) for name, table in tables.items()}
    for name, scenario in catalogue.items():
        for number, ratio in enumerate(scenario.ratios):
            if ratio.than not in catalogue:
                problem = f"no scenario {ratio.than!r}; {suggest(ratio.than, catalogue)}"
                raise CatalogueError(f"{path}: [scenario.{name}] ratios[{number}].than: {problem}")
    return catalogue


def _scenario_tables(document: dict[str, Any], path: Path) -> dict[str, Any]:
    for key in document:
        if key not in ("schema", "scenario"):
            raise CatalogueError(f"{path}: unknown key {key!r} at the top; {suggest(key, ['schema', 'scenario'])}")
    schema = document.get("schema", 1)
    if schema not in (1, SCHEMA):
        raise CatalogueError(f"{path}: schema is {schema!r}, and this version reads schemas 1 and {SCHEMA}")
    tables = document.get("scenario")
    if not isinstance(tables, dict) or not tables:
        raise CatalogueError(f"{path}: has no [scenario.NAME] table; add one as in the built-in scenarios.toml")
    return {name: _with_current_names(table) for name, table in tables.items()} if schema == 1 else tables


def _with_current_names(table: Any) -> Any:
    """Return a scenario of schema 1 with the current keys in its references; anything else unchanged."""
    if not isinstance(table, dict) or not isinstance(table.get("references"), list):
        return table
    references = [
        {_RENAMED_SINCE_1.get(key, key): value for key, value in reference.items()}
        if isinstance(reference, dict)
        else reference
        for reference in table["references"]
    ]
    return {**table, "references": references}


_NOT_KEYS = ("name", "file")
"""Fields of a scenario that its table does not state."""


def _scenario(name: str, table: Any, path: Path) -> Scenario:
    where = f"{path}: [scenario.{name}]"
    if not isinstance(table, dict):
        raise CatalogueError(f"{where} must be a table, not {_KINDS.get(type(table).__name__, 'a value')}")
    for key in table:
        if key not in Scenario.__struct_fields__ or key in _NOT_KEYS:
            known = [field for field in Scenario.__struct_fields__ if field not in _NOT_KEYS]
            raise CatalogueError(f"{where} has an unknown key {key!r}; {suggest(key, known)}")
    try:
        scenario = msgspec.convert({**table, "name": name, "file": str(path)}, Scenario)
        if Path(scenario.corpus).suffix:
            scenario = msgspec.structs.replace(scenario, corpus=str(path.parent / expand_home(scenario.corpus)))
        scenario.workload()
    except msgspec.ValidationError as error:
        raise CatalogueError(f"{where} {_explanation(str(error))}") from error
    except ValueError as error:
        raise CatalogueError(f"{where} {error}") from error
    return scenario


_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "a boolean",
    "array": "a list",
    "list": "a list",
    "object": "a table",
}
"""The types that msgspec and Python name, in the words of the other errors."""
_CHOICES = {"operation": get_args(Operation), "arrivals": get_args(Arrivals), "kind": get_args(ReferenceKind)}


def _explanation(error: str) -> str:
    """Return a message of msgspec as `key: problem`."""
    missing = re.fullmatch(r"Object missing required field `(\w+)`(?: - at `\$\.(.+)`)?", error)
    if missing:
        return f"needs a key {missing[1]!r}" + (f" in {missing[2]}" if missing[2] else "")
    match = re.fullmatch(r"(.*?) - at `\$\.?(.*)`", error)
    if match is None:
        return error
    problem, key = match[1].replace("Object contains", "the table contains"), match[2]
    value = re.fullmatch(r"Invalid enum value '(.*)'", problem)
    if value:
        hint = suggest(value[1], _CHOICES[key.rpartition(".")[2]])
        return f"{key}: {value[1]!r} is not one of the choices; {hint}"
    problem = re.sub(r"`(\w+)(?: \| null)?`", lambda name: _KINDS.get(name[1], repr(name[1])), problem)
    return f"{key}: {problem[0].lower()}{problem[1:]}"


def _seconds(duration: str | None) -> float | None:
    if duration is None:
        return None
    try:
        return parse_duration(duration)
    except ValueError as error:
        raise ValueError(f"duration: {error}") from error
