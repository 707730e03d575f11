"""The record of a run: one flat row of settings and figures with their units."""

from __future__ import annotations

from typing import Any

import msgspec

from membench.analysis.diagnosis import Advice
from membench.analysis.facts import Fact
from membench.analysis.figures import Figures
from membench.messages.run import LockUse
from membench.results.checks import check_figures, check_timestamp
from membench.results.summary import RunSummary, Status
from membench.results.trial import Trial
from membench.text import Mask, mask_options, one_line, secrets_masker

SCHEMA = 3
"""Raised when a name or a meaning changes; older records can still be read."""


class Record(Figures, frozen=True, kw_only=True):
    """Everything known about a finished run, however it ended."""

    schema: int = SCHEMA
    started_at: str
    """UTC, ISO 8601."""
    membench_version: str
    status: Status
    error: str | None = None
    verdict: str | None = None
    verdict_evidence: tuple[Fact | str, ...] | None = None
    """The facts that led to the verdict; records of schema 1 have sentences."""
    verdict_advice: Advice | str | None = None
    """One step to try; records of schema 1 have a sentence."""
    trials: tuple[Trial, ...] = ()
    """What came of trying it; empty if nobody has."""
    drawn: str | None = None
    """What the console drew meanwhile: `headless` (nothing), `quiet` (the elapsed time), or a redraw rate, `4/s`."""
    took_s: float | None = None
    """Time of the run's processes from their start to their end, all repeats together."""
    environment: dict[str, str] = msgspec.field(default_factory=dict)
    """The machine, and the versions of what was measured."""

    @property
    def is_sound(self) -> bool:
        """Whether the run went well, so that its rate can be compared with others."""
        return self.status == "ok" and bool(self.memories_per_s)

    @property
    def limiting_lock(self) -> LockUse | None:
        """The lock for which clients wait according to the verdict's evidence, or else the one they wait for most."""
        named = [
            fact.values.get("site")
            for fact in self.verdict_evidence or ()
            if isinstance(fact, Fact) and fact.name in ("outer_lock", "lock_held", "semaphore_held")
        ]
        locks = self.locks or ()
        return next((lock for lock in locks if lock.site in named[:1]), locks[0] if locks else None)

    def without_secrets(self, mask: Mask | None = None) -> Record:
        """Return the record with its messages as one line each, and with the secrets masked that it may hold.

        Args:
            mask: Masks secrets, for many records; by default, `secrets_masker()`.
        """
        mask = mask or secrets_masker()
        kinds: dict[str, int] = {}
        for kind, count in (self.error_kinds or {}).items():
            line = one_line(kind, mask)
            kinds[line] = kinds.get(line, 0) + count
        return msgspec.structs.replace(
            self,
            error=one_line(self.error, mask) if self.error else self.error,
            error_kinds=kinds if self.error_kinds else self.error_kinds,
            strategy_options=mask_options(self.strategy_options, mask),
            backend_options=mask_options(self.backend_options, mask),
            environment=mask_options(self.environment, mask),
        )

    def summary(self) -> RunSummary:
        """Return what tables show of the run."""
        return RunSummary(
            figures=self,
            state=self.status,
            started_at=self.started_at,
            error=self.error,
            verdict=self.verdict,
        )


def decode_record(content: object) -> Record:
    """Read a record of this schema or an older one.

    Raises:
        msgspec.DecodeError: The content is not a record, or a newer version of this program wrote it.
    """
    if not isinstance(content, bytes):
        raise msgspec.ValidationError("the record is missing")
    try:
        document = msgspec.json.decode(content, type=dict[str, Any])
    except (RecursionError, UnicodeDecodeError) as error:
        raise msgspec.ValidationError("the record is not valid JSON") from error
    schema = document.get("schema", 1)
    if not isinstance(schema, int) or schema < 1:
        raise msgspec.ValidationError(f"the record has no valid schema, but {str(schema)[:40]!r}")
    if schema > SCHEMA:
        raise msgspec.ValidationError(f"the record has schema {schema}, and this version reads up to {SCHEMA}")
    if schema == 1:
        document = _from_schema_1(document)
    if schema < 3:  # the intervals of repeats that shared a process say nothing about the next process
        document |= {"memories_per_s_low": None, "memories_per_s_high": None, "schema": SCHEMA}
    record = msgspec.convert(document, Record)
    check_timestamp(record.started_at)
    check_figures(record, document)
    return record


_RENAMED = {
    **{f"ops_per_s{suffix}": f"memories_per_s{suffix}" for suffix in ("", "_low", "_high", "_repeats", "_windows")},
    "rate_ops_s": "target_operations_per_s",
    "limit_ops_per_s": "limit_memories_per_s",
    "context_switches_per_op": "context_switches_per_operation",
}
"""Fields of schema 1 by the names that they have since schema 2."""


def _from_schema_1(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with today's names. What schema 1 does not state stays unknown."""
    unknown = {"corpus": None, "seed": None, "warmup_items": None}
    renamed = {_RENAMED.get(name, name): value for name, value in document.items() if name != "loop"}
    return {**unknown, **renamed, "metering": document.get("locks") is not None}
