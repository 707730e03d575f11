"""The specification of one run: everything its process needs to know."""

from __future__ import annotations

from typing import Literal

import msgspec

from membench.spec.options import (
    ArrivalProcess,
    BatchSize,
    Clients,
    DurationS,
    Embedder,
    Items,
    Metering,
    ModelName,
    Operation,
    Precision,
    Repeats,
    Seed,
    TargetRate,
    Threads,
    WarmupItems,
)
from membench.text import clean, mask_options
from membench.units import plural
from membench_backends.options import options_text
from membench_backends.registry import changed_backend_options

CorpusKind = Literal["benchmark", "turns", "file"]
OptionValue = int | float | bool | str | None


class Corpus(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the texts come from."""

    kind: CorpusKind
    path: str | None = None
    """The user's file: .txt (one text per line), .jsonl (field `text`) or .csv (the column below)."""
    column: str = "text"


class RunSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one run. A record starts with the same fields; a setting that does not apply is None."""

    run_id: str
    plan_id: str
    scenario: str
    backend: str
    strategy: str | None
    """None where no model embeds."""
    strategy_options: dict[str, OptionValue]
    backend_options: dict[str, OptionValue] = msgspec.field(default_factory=dict)
    """All options of the backend; empty where it has none, and in records made before backends had any."""
    store: str | None
    """None for a backend that does not store."""
    operation: Operation
    clients: Clients
    items: Items | None = None
    """Memories of one repeat; None where time is the limit."""
    duration_s: DurationS | None = None
    """Time of one repeat; None where items are the limit."""
    batch_size: BatchSize = 1
    """Memories per operation: above 1 only for `add_batch`."""
    batch_call: bool | None = None
    """Whether the backend takes a list in one call; False: `add_batch` is a loop of single adds. None for `add`."""
    repeats: Repeats = 1
    target_operations_per_s: TargetRate | None = None
    """Operations per second that an open loop schedules for all clients together; None in a closed loop."""
    arrivals: ArrivalProcess | None = None
    """None in a closed loop."""
    warmup_items: WarmupItems | None = 0
    """Memories added before the clock starts, counted in no figure; None in records of schema 1."""
    corpus: Corpus | None = Corpus(kind="benchmark")
    """None in records of schema 1, which do not state it."""
    seed: Seed | None = 1
    """None in records of schema 1."""
    model: ModelName | None = None
    """A FastEmbed model, or a folder with a model's files; None where no model embeds."""
    precision: Precision | None = None
    """None where no model embeds."""
    embedder: Embedder | None = None
    """The source of vectors: a model, or a table of ready vectors; None for a backend that does not embed."""
    threads: Threads | None = None
    """Intra-op threads of one session. None leaves the number to the library; a record states the number used."""
    metering: Metering = True
    """Whether the backend's Python locks and sleeps are metered."""

    @property
    def loop(self) -> Literal["closed", "open"]:
        """`open` where operations are scheduled, `closed` where each starts when the last one ends."""
        return "closed" if self.target_operations_per_s is None else "open"

    @property
    def has_fixed_shares(self) -> bool:
        """Whether each client has the same number of items to do, however fast it is served."""
        return self.items is not None and self.loop == "closed"

    def title(self) -> str:
        """Return `concurrent-add · agentmem · mutex · local · 20 clients`, without what does not apply."""
        system = (self.backend, self.backend_note(), self.strategy, self.embedding_note(), self.store)
        parts = (self.scenario, *system)
        return clean(" · ".join(part for part in (*parts, plural(self.clients, "client")) if part))

    def backend_note(self) -> str:
        """Return what is unusual about the backend: `history=together`; empty where its options have their defaults."""
        return options_text(mask_options(changed_backend_options(self.backend, self.backend_options)))

    def embedding_note(self) -> str | None:
        """Return what is unusual about how the run embeds: `int8`, `fixed embedder`, or None."""
        if self.embedder == "fixed":
            return "fixed embedder"
        return self.precision if self.precision != "fp32" else None
