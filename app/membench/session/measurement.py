"""The accumulator of one run: messages in, figures out. The live view and the record are both made from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from statistics import fmean
from typing import Any

import msgspec

from membench.analysis.contention import client_time, meter_figures
from membench.analysis.diagnosis import Diagnosis, diagnose
from membench.analysis.figures import Figures
from membench.analysis.statistics import jain_index, mean_rate, rate_interval
from membench.machine.facts import own_version
from membench.messages.encoding import Message
from membench.messages.run import Audit, Contention, Finished, RepeatEnded, Started, Tick
from membench.results.latency import NS_PER_MS, Latencies
from membench.results.limits import Limit, limit_for
from membench.results.record import Record
from membench.results.summary import Status
from membench.session.operations import Operations
from membench.session.progress import RunProgress
from membench.session.timeline import Point, Timeline
from membench.spec.run import RunSpec

ENOUGH_S = 2.0
"""Measured time from which on a run in progress is diagnosed."""
DIAGNOSIS_EVERY_S = 1.0


class Measurement:
    """The running account of one run. Feed it every message, and ask for progress or the record at any time."""

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec
        self.started_at = _now()
        self.started: Started | None = None
        self.audit: Audit | None = None
        self.bm25: bool | None = None
        self.errors: Counter[str] = Counter()
        self.acknowledged = 0
        self.measured_s = 0.0
        self._timeline = Timeline()
        self._operations = Operations(spec)
        self._latencies = Latencies()
        """As of the last whole snapshot."""
        self._rates: list[float] = []
        self._repeats_started_at: list[str] = []
        self._windows: list[tuple[float, ...] | None] = []
        """Of each repeat that ended."""
        self._repeat_started_at = ""
        self._repeat_items = 0
        self._repeat_s = 0.0
        self._repeat_timeline = Timeline()
        self._core_seconds: list[float] = []
        self._client_items: list[float] = []
        self._client_longest_ns: list[int] = []
        self._contention: dict[int, Contention] = {}
        self._meters: dict[str, Any] = {}
        self._diagnosis: Diagnosis | None = None
        self._diagnosed_s = 0.0

    def begin_repeat(self) -> None:
        """Begin a repeat: its process has started."""
        self._repeat_started_at = _now()
        self._repeat_items, self._repeat_s = 0, 0.0
        self._repeat_timeline = Timeline()

    def feed(self, message: Message) -> None:
        """Take one message into account."""
        match message:
            case Started():
                self.started = message
            case Tick():
                self._add(message)
            case RepeatEnded():
                self._rates.append(message.items / message.wall_s if message.wall_s else 0.0)
                self._operations.end_repeat(message)
                self._repeats_started_at.append(self._repeat_started_at)
                self._windows.append(self._repeat_timeline.windows())
            case Finished(audit=audit):
                self.audit = audit if self.audit is None or audit is None else self.audit.plus(audit)
                self.bm25 = message.bm25
            case _:
                pass

    @property
    def memories_per_s(self) -> float | None:
        """The mean rate of the repeats that ended; before the first ends, the rate so far."""
        if self._rates:
            return mean_rate(self._rates)
        return self._repeat_items / self._repeat_s if self._repeat_s else None

    @property
    def repeats_measured(self) -> int:
        """The repeats that went to their end."""
        return len(self._rates)

    @property
    def error_share(self) -> float:
        """The share of the operations that raised an error, 0 to 1."""
        failed = self.errors.total()
        return failed / (failed + self._operations.returned) if failed else 0.0

    def progress(self, *, whole: bool = True) -> RunProgress:
        """Return everything measured so far.

        Args:
            whole: False keeps the latencies of the last whole snapshot, because sorting takes time from the run.
        """
        if whole:
            self._latencies = self._operations.latencies()
        figures = self._figures()
        if self.measured_s >= ENOUGH_S and self.measured_s - self._diagnosed_s >= DIAGNOSIS_EVERY_S and self._meters:
            self._diagnosis, self._diagnosed_s = diagnose(figures), self.measured_s
        return RunProgress(
            figures=figures,
            points=self._timeline.points,
            recent=self._timeline.recent,
            memories_per_s_now=self._timeline.memories_per_s_now,
            latencies=self._latencies,
            diagnosis=self._diagnosis,
        )

    def record(
        self, status: Status, error: str | None = None, drawn: str | None = None, took_s: float | None = None
    ) -> Record:
        """Return the record of the run, with the status that it ended in.

        Args:
            status: How the run ended.
            error: Why it did not end well, in one line.
            drawn: What the console drew while the run was measured.
            took_s: Time of the run's processes.
        """
        self._latencies = self._operations.latencies()
        figures = self._figures()
        low, high = rate_interval(self._rates) or (None, None)
        values = msgspec.structs.asdict(figures) | {
            "memories_per_s_low": low,
            "memories_per_s_high": high,
            "memories_per_s_windows": _mean_windows(self._windows or [self._repeat_timeline.windows()]),
            "latency_hdr": self._latencies.encode() if self._latencies.total else None,
            "error_latency_hdr": self._operations.encoded_failures(),
        }
        diagnosis = diagnose(figures) if self._operations.returned else None
        return Record(
            **values,
            started_at=self.started_at,
            membench_version=own_version(),
            status=status,
            error=error,
            verdict=diagnosis.verdict if diagnosis else None,
            verdict_evidence=diagnosis.evidence if diagnosis else None,
            verdict_advice=diagnosis.advice if diagnosis else None,
            drawn=drawn,
            took_s=took_s,
            environment=self.started.environment if self.started else {},
        ).without_secrets()

    def _add(self, tick: Tick) -> None:
        self._operations.add(tick)
        self.errors.update(tick.errors)
        self.acknowledged += tick.items
        self.measured_s += tick.duration_s
        self._timeline.append(Point(self.measured_s, tick.duration_s, tick.items, tick.cpu_percent_per_core))
        self._repeat_timeline.append(Point(tick.elapsed_s, tick.duration_s, tick.items, tick.cpu_percent_per_core))
        self._repeat_items += tick.items
        self._repeat_s = tick.elapsed_s
        core_seconds = [percent * tick.duration_s for percent in tick.cpu_percent_per_core]
        self._core_seconds = _sums(self._core_seconds, core_seconds)
        self._client_items = _sums(self._client_items, tick.client_items)
        if tick.client_longest_ns:
            longest = self._client_longest_ns or [0] * len(tick.client_longest_ns)
            self._client_longest_ns = list(map(max, longest, tick.client_longest_ns))
        if tick.contention:
            self._contention[tick.repeat] = tick.contention
            self._meters = meter_figures(list(self._contention.values()))

    def _figures(self) -> Figures:
        values = msgspec.structs.asdict(self.spec) | {"bm25": self.bm25}
        operations = self._operations.figures(
            self._latencies, self.measured_s, client_time(list(self._contention.values()))
        )
        for figures in (self._meters, self._rate_figures(), operations, self._audit_figures()):
            values |= figures
        if self.started:
            values |= {
                "weights": self.started.weights,
                "threads": self.started.threads,
                "session_threads": self.started.session_threads or None,
                "threads_auto": self.spec.threads is None if self.started.session_threads else None,
                "precision_cosine": self.started.precision_cosine,
            }
        if not self.spec.metering:
            values |= {"locks": None, "timers": None}
        return Figures(**values)

    def _rate_figures(self) -> dict[str, Any]:
        rate, limit = self.memories_per_s, self._limit
        return {
            "memories_per_s": rate,
            "memories_per_s_repeats": tuple(self._rates),
            "repeats_started_at": tuple(self._repeats_started_at),
            "measured_s": self.measured_s or None,
            "cpu_percent_per_core": self._cpu_percent_per_core(),
            "fairness_jain": None if self.spec.has_fixed_shares else jain_index(self._client_items),
            "client_items": tuple(map(int, self._client_items)) or None,
            "client_longest_ms": tuple(longest / NS_PER_MS for longest in self._client_longest_ns) or None,
            "limit_memories_per_s": limit.texts_per_s if limit else None,
            "limit_share": rate / limit.texts_per_s if limit and rate is not None else None,
        }

    def _audit_figures(self) -> dict[str, Any]:
        audit = self.audit
        counts = {"errors": self.errors.total(), "error_kinds": dict(self.errors), "acknowledged": self.acknowledged}
        if audit is None:
            return counts
        return counts | {
            "acknowledged": audit.acknowledged,
            "stored": audit.stored,
            "lost": audit.lost,
            "duplicated": audit.duplicated,
            "corrupted": audit.corrupted,
            "misplaced": audit.misplaced,
            "history_missing": audit.history_missing,
            "store_reopened": None if audit.stored is None else audit.reopened,
        }

    def _cpu_percent_per_core(self) -> tuple[float, ...] | None:
        return tuple(total / self.measured_s for total in self._core_seconds) if self.measured_s else None

    @cached_property
    def _limit(self) -> Limit | None:
        return limit_for(self.spec)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _mean_windows(repeats: Sequence[tuple[float, ...] | None]) -> tuple[float, ...] | None:
    """Return the mean of each window over the repeats that have windows."""
    known = [windows for windows in repeats if windows]
    return tuple(map(fmean, zip(*known, strict=True))) if known else None


def _sums(totals: Sequence[float], more: Sequence[float]) -> list[float]:
    return [a + b for a, b in zip(totals, more, strict=True)] if totals else list(more)
