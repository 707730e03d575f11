"""The scenario catalogue: scenarios.toml in, scenarios out, with errors that say where and what."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from membench.messages.run import Arrivals, Operation, Workload
from membench.spec.corpus import parse_corpus
from membench.units import parse_duration, suggest

CLIENTS_MAX = 1024
ITEMS_MAX = 10_000_000
ARRIVALS_MAX = 5_000_000

Clients = Annotated[int, Meta(ge=1, le=CLIENTS_MAX)]
Count = Annotated[int, Meta(ge=1, le=ITEMS_MAX)]
Repeats = Annotated[int, Meta(ge=1, le=100)]
Rate = Annotated[float, Meta(gt=0, le=1e6)]
ReferenceKind = Literal["measured", "claimed", "unsourced"]


class CatalogueError(Exception):
    """A scenario file cannot be used; one line that names the file, the table and the key."""


class Reference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A published figure, in memories a second, and what it is worth."""

    system: str
    memories_per_s: Annotated[float, Meta(gt=0)]
    memories_per_s_high: float | None = None
    """The upper end, where a range was published."""
    kind: ReferenceKind
    source: str


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is done, as the catalogue states it. The command line may change any of the numbers."""

    name: str = ""
    summary: str
    shows: str = ""
    operation: Operation
    items: Count | None = None
    duration: str | None = None
    batch_size: Count = 1
    clients: Clients = 1
    rate: Rate | None = None
    arrivals: Arrivals = "poisson"
    corpus: str = "turns"
    corpus_column: str = "text"
    warmup_items: Annotated[int, Meta(ge=0, le=ITEMS_MAX)] = 0
    backends: list[str] = []
    references: list[Reference] = []

    def workload(self) -> Workload:
        """What the clients do, once.

        Raises:
            ValueError: The values do not fit together; the message begins with the key.
        """
        return checked(
            Workload(
                operation=self.operation,
                corpus=parse_corpus(self.corpus, self.corpus_column),
                clients=self.clients,
                items=self.items,
                duration_s=_seconds(self.duration),
                batch_size=self.batch_size,
                warmup_items=self.warmup_items,
                target_operations_per_s=self.rate,
                arrivals=self.arrivals,
            )
        )


def checked(workload: Workload) -> Workload:
    """The workload itself, if its parts fit together.

    Raises:
        ValueError: They do not; the message begins with the key at fault.
    """
    if (workload.items is None) == (workload.duration_s is None):
        raise ValueError("items: give either items or duration, not both and not neither")
    if workload.operation == "add" and workload.batch_size != 1:
        raise ValueError("batch_size: only the operation add_batch takes a list; leave it out, or use add_batch")
    if workload.target_operations_per_s and workload.items and workload.items % workload.batch_size:
        raise ValueError(f"items: with a rate, use a multiple of the batch of {workload.batch_size}")
    if (
        workload.target_operations_per_s
        and workload.duration_s
        and workload.target_operations_per_s * workload.duration_s > ARRIVALS_MAX
    ):
        raise ValueError(f"rate: rate x duration is over {ARRIVALS_MAX:,} operations; lower one of them")
    return workload


def shipped_path() -> Path:
    """Where the catalogue that ships lies: beside this module in a wheel, at the top of a checkout."""
    package = Path(__file__).parents[1]
    return next(
        folder / "scenarios.toml" for folder in (package, package.parents[1]) if (folder / "scenarios.toml").exists()
    )


def load_catalogue(path: Path | None = None) -> dict[str, Scenario]:
    """Read a scenario file; without a path, the one that ships.

    Raises:
        CatalogueError: The file cannot be read or does not say what a scenario file must.
    """
    path = path or shipped_path()
    tables = _scenario_tables(_parse(path), path)
    return {name: _scenario(name, table, path) for name, table in tables.items()}


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise CatalogueError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise CatalogueError(f"{path}: is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{path}: is not valid TOML: {error}") from error


def _scenario_tables(document: dict[str, Any], path: Path) -> dict[str, Any]:
    for key in document:
        if key not in ("schema", "scenario"):
            raise CatalogueError(f"{path}: unknown key {key!r} at the top; {suggest(key, ['schema', 'scenario'])}")
    if document.get("schema", 1) != 1:
        raise CatalogueError(f"{path}: schema is {document['schema']!r}, and this version reads schema 1")
    tables = document.get("scenario")
    if not isinstance(tables, dict) or not tables:
        raise CatalogueError(f"{path}: has no [scenario.NAME] table; add one, as in the scenarios.toml that ships")
    return tables


def _scenario(name: str, table: Any, path: Path) -> Scenario:
    where = f"{path}: [scenario.{name}]"
    if not isinstance(table, dict):
        raise CatalogueError(f"{where} must be a table, not a {_KINDS.get(type(table).__name__, 'value')}")
    for key in table:
        if key not in Scenario.__struct_fields__ or key == "name":
            known = [field for field in Scenario.__struct_fields__ if field != "name"]
            raise CatalogueError(f"{where} has an unknown key {key!r}; {suggest(key, known)}")
    try:
        scenario = msgspec.convert({**table, "name": name}, Scenario)
        if Path(scenario.corpus).suffix:
            scenario = msgspec.structs.replace(scenario, corpus=str(path.parent / Path(scenario.corpus).expanduser()))
        scenario.workload()
    except msgspec.ValidationError as error:
        raise CatalogueError(f"{where} {_readable(str(error))}") from error
    except ValueError as error:
        raise CatalogueError(f"{where} {error}") from error
    return scenario


_KINDS = {"int": "whole number", "float": "number", "str": "text", "bool": "yes or no", "array": "list", "list": "list"}
_CHOICES = {"operation": get_args(Operation), "arrivals": get_args(Arrivals), "kind": get_args(ReferenceKind)}


def _readable(error: str) -> str:
    """Turn msgspec's message into `key: what is wrong`."""
    missing = re.fullmatch(r"Object missing required field `(\w+)`(?: - at `\$\.(.+)`)?", error)
    if missing:
        return f"needs a key {missing[1]!r}" + (f" in {missing[2]}" if missing[2] else "")
    match = re.fullmatch(r"(.*?) - at `\$\.?(.*)`", error)
    if match is None:
        return error
    choice = re.fullmatch(r"Invalid enum value '(.*)'", match[1])
    if choice:
        hint = suggest(choice[1], _CHOICES[match[2].rpartition(".")[2]])
        return f"{match[2]}: {choice[1]!r} is not one of the choices; {hint}"
    what = re.sub(r"`(\w+)`", lambda kind: f"a {_KINDS.get(kind[1], kind[1])}", match[1])
    what = re.sub(r"`(\w+) \| null`", lambda kind: f"a {_KINDS.get(kind[1], kind[1])}", what)
    return f"{match[2]}: {what[0].lower()}{what[1:]}"


def _seconds(duration: str | None) -> float | None:
    if duration is None:
        return None
    try:
        return parse_duration(duration)
    except ValueError as error:
        raise ValueError(f"duration: {error}") from error
