"""One picture of a plan at one moment: what the engine's thread hands to the screen."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec.structs import replace

from membench.analysis.contention import Shares, Summary
from membench.analysis.diagnosis import Diagnosis
from membench.messages.run import RunSpec, Tick
from membench.plan.matrix import expected_s
from membench.results.record import Record, Status

if TYPE_CHECKING:
    from membench.session.measurement import Measurement

POINTS_MAX = 240
"""Points kept of a run's course; beyond that, neighbours become one, so a long run costs no more than a short one."""
BINS_PER_DECADE = 24
NOW_S = 1.0
"""What `now` means for a rate."""
RECENT_S = 60.0
"""For so long every tick is kept as it is, for those who look closely."""
ENOUGH_S = 2.0
"""Measured time from which on a verdict can be given before the end."""
VERDICT_EVERY_S = 1.0
PERCENTILES = (50.0, 90.0, 99.0, 99.9)

State = Literal["waiting", "running"] | Status


class Point(msgspec.Struct, frozen=True):
    """A stretch of a run's measured time."""

    end_s: float
    duration_s: float
    items: int
    """Memories acknowledged in it."""
    cores: tuple[float, ...]
    """Mean use of each core, 0 to 100."""

    @property
    def rate(self) -> float:
        """Memories a second."""
        return self.items / self.duration_s if self.duration_s else 0.0


class Latencies(msgspec.Struct, frozen=True):
    """How long operations took."""

    bins: tuple[tuple[int, int], ...] = ()
    """Number of a bin and its operations, ascending; bin b begins at 10 ** (b / BINS_PER_DECADE) nanoseconds."""
    percentiles_ms: tuple[float, ...] = ()
    """At PERCENTILES; empty while nothing has returned."""
    longest_ms: float | None = None


class Course(msgspec.Struct, frozen=True):
    """What a run has done so far."""

    points: tuple[Point, ...] = ()
    recent: tuple[Point, ...] = ()
    """The last RECENT_S of it, tick by tick."""
    now: float | None = None
    """Memories a second in the last moment."""
    mean: float | None = None
    """Memories a second, as the engine counts them."""
    latencies: Latencies = Latencies()
    acknowledged: int = 0
    errors: int = 0
    weights: str | None = None
    contention: Summary | None = None
    """What held the clients up; None until the meters have been read once."""
    diagnosis: Diagnosis | None = None
    """What seems to hold the run back; None until there is enough to say so."""

    def within(self, span_s: float | None) -> tuple[Point, ...]:
        """The last seconds of it, or all of it."""
        if span_s is None or not self.points:
            return self.points
        since = self.points[-1].end_s - span_s
        return tuple(point for point in self.recent if point.end_s > since)


class RunView(msgspec.Struct, frozen=True):
    """One run of the plan as it stands."""

    hue: int
    """Its number since the dashboard was started; gives it its colour everywhere."""
    spec: RunSpec
    stage: str = ""
    """What it is doing, while it does not measure."""
    course: Course = Course()
    running: bool = False
    began_s: float | None = None
    """When its process was started, by the engine's clock."""
    took_s: float | None = None
    """From there to its end."""
    limit_memories_per_s: float | None = None
    """The best this machine reached offline; None where that is not known, or does not apply."""
    log: Path | None = None
    record: Record | None = None

    @property
    def state(self) -> State:
        """Where the run is between waiting and its end."""
        if self.record:
            return self.record.status
        return "running" if self.running else "waiting"

    @property
    def memories_per_s(self) -> float | None:
        """Memories a second: of the record once there is one."""
        return self.record.memories_per_s if self.record else self.course.mean

    @property
    def shares(self) -> Shares:
        """Where client time went; nothing is known before the meters have been read."""
        return self.course.contention.shares if self.course.contention else Shares()

    def percentile_ms(self, percentile: float) -> float | None:
        """A percentile in milliseconds, one of PERCENTILES; None while nothing has returned."""
        found = self.course.latencies.percentiles_ms
        return found[PERCENTILES.index(percentile)] if found else None


class Snapshot(msgspec.Struct, frozen=True):
    """A plan under way, or over."""

    plan_id: str
    runs: tuple[RunView, ...]
    current: int | None = None
    """The run under way."""
    over: bool = False
    problem: str = ""
    """Why the plan could not go on, if the engine itself failed."""
    edition: int = 0
    """Counts those to be drawn whole; between them only what moves fastest is drawn anew."""

    @property
    def records(self) -> tuple[Record, ...]:
        """The records of the runs that are over, in order."""
        return tuple(run.record for run in self.runs if run.record)

    def with_run(self, index: int, run: RunView) -> Snapshot:
        """The same with one run replaced."""
        return replace(self, runs=(*self.runs[:index], run, *self.runs[index + 1 :]))

    def left_s(self, now_s: float) -> float:
        """Seconds that the rest of the plan will take: as planned, in proportion to what the finished runs took."""
        done = [(run.took_s, expected_s(run.spec)) for run in self.runs if run.took_s]
        pace = sum(took for took, _ in done) / sum(expected for _, expected in done) if done else 1.0
        left_s = 0.0
        for run in self.runs:
            if run.state in ("waiting", "running"):
                spent_s = now_s - run.began_s if run.began_s is not None else 0.0
                left_s += max(expected_s(run.spec) * pace - spent_s, 0.0)
        return left_s


class Recorder:
    """Keeps the course of one run in bounded space. Belongs to the engine's thread."""

    def __init__(self) -> None:
        self._points: list[Point] = []
        self._stride = 1
        self._pending: list[Point] = []
        self._now: deque[Point] = deque()
        self._recent: deque[Point] = deque()
        self._bins: Counter[int] = Counter()
        self._latencies = Latencies()
        self._contention: Summary | None = None
        self._read_anew = False
        self._diagnosis: Diagnosis | None = None
        self._diagnosed_s = 0.0

    def see(self, tick: Tick, measured_s: float) -> None:
        """Take a tick that ends at `measured_s` seconds of measured time."""
        point = Point(measured_s, tick.duration_s, tick.items, tick.cpu_percent_per_core)
        for window, length_s in ((self._now, NOW_S), (self._recent, RECENT_S)):
            window.append(point)
            while len(window) > 1 and window[0].end_s <= measured_s - length_s:
                window.popleft()
        self._keep(point)
        for value, count in zip(tick.latency_ns, tick.latency_counts, strict=True):
            self._bins[bin_of(value)] += count
        self._read_anew = self._read_anew or tick.contention is not None

    def course(self, measurement: Measurement, *, whole: bool = True) -> Course:
        """Everything seen so far; unless `whole`, with the latencies of the last whole one: sorting takes time."""
        if whole:
            self._latencies = self._sorted(measurement)
        if self._read_anew:
            self._contention, self._read_anew = measurement.contention, False
            self._diagnose(measurement)
        return Course(
            points=tuple(self._points),
            recent=tuple(self._recent),
            now=joined(self._now).rate if self._now else None,
            mean=measurement.memories_per_s,
            latencies=self._latencies,
            acknowledged=measurement.acknowledged,
            errors=measurement.errors.total(),
            weights=measurement.started.weights if measurement.started else None,
            contention=self._contention,
            diagnosis=self._diagnosis,
        )

    def _diagnose(self, measurement: Measurement) -> None:
        """Say anew what holds the run back, not at every look: it takes its time from what is measured."""
        measured_s = measurement.measured_s
        if measured_s >= ENOUGH_S and measured_s - self._diagnosed_s >= VERDICT_EVERY_S:
            self._diagnosis, self._diagnosed_s = measurement.diagnosis(), measured_s

    def _keep(self, point: Point) -> None:
        self._pending.append(point)
        if len(self._pending) < self._stride:
            return
        self._points.append(joined(self._pending))
        self._pending.clear()
        if len(self._points) >= POINTS_MAX:
            self._points = [joined(self._points[at : at + 2]) for at in range(0, len(self._points), 2)]
            self._stride *= 2

    def _sorted(self, measurement: Measurement) -> Latencies:
        if not self._bins:
            return Latencies()
        values = sorted(measurement.latency_counts)
        ranks = list(accumulate(measurement.latency_counts[value] for value in values))
        return Latencies(
            bins=tuple(sorted(self._bins.items())),
            percentiles_ms=tuple(values[bisect_left(ranks, ranks[-1] * each / 100)] / 1e6 for each in PERCENTILES),
            longest_ms=values[-1] / 1e6,
        )


def bin_of(latency_ns: int) -> int:
    """The bin of a latency."""
    return math.floor(math.log10(max(latency_ns, 1)) * BINS_PER_DECADE)


def joined(points: Sequence[Point]) -> Point:
    """Neighbouring points as one; there is at least one."""
    duration_s = sum(point.duration_s for point in points)
    if len(points) == 1 or not duration_s:
        return points[-1]
    cores = zip(*(point.cores for point in points), strict=True)
    weights = [point.duration_s / duration_s for point in points]
    return Point(
        end_s=points[-1].end_s,
        duration_s=duration_s,
        items=sum(point.items for point in points),
        cores=tuple(sum(use * weight for use, weight in zip(core, weights, strict=True)) for core in cores),
    )


def smoothed(points: Sequence[Point], window_s: float) -> tuple[tuple[float, float], ...]:
    """End and rate of each point, the rate being the mean over the window that ends there."""
    rates = []
    window: deque[Point] = deque()
    for point in points:
        window.append(point)
        while len(window) > 1 and window[0].end_s <= point.end_s - window_s + 1e-9:
            window.popleft()
        seconds = sum(each.duration_s for each in window)
        rates.append((point.end_s, sum(each.items for each in window) / seconds if seconds else 0.0))
    return tuple(rates)
