"""One picture of a plan at one moment: what the engine's thread hands to the screen."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from app.analysis.contention import Shares, Summary
from app.messages import RunSpec, Tick
from app.results.record import Record, Status

if TYPE_CHECKING:
    from app.results.measurement import Measurement

POINTS_MAX = 240
"""Points kept of a run's course; beyond that, neighbours become one, so a long run costs no more than a short one."""
BINS_PER_DECADE = 24
NOW_S = 1.0
"""What `now` means for a rate."""
PERCENTILES = (50.0, 90.0, 99.0, 99.9)

State = Literal["waiting", "running"] | Status


@dataclass(frozen=True, slots=True)
class Point:
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


@dataclass(frozen=True, slots=True)
class Latencies:
    """How long operations took."""

    bins: tuple[tuple[int, int], ...] = ()
    """Number of a bin and its operations, ascending; bin b begins at 10 ** (b / BINS_PER_DECADE) nanoseconds."""
    percentiles_ms: tuple[float, ...] = ()
    """At PERCENTILES; empty while nothing has returned."""
    longest_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """What a run has done so far."""

    points: tuple[Point, ...] = ()
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


@dataclass(frozen=True, slots=True)
class RunView:
    """One run of the plan as it stands."""

    hue: int
    """Its number since the dashboard was started; gives it its colour everywhere."""
    spec: RunSpec
    stage: str = ""
    """What it is doing, while it does not measure."""
    course: Course = Course()
    running: bool = False
    log: Path | None = None
    record: Record | None = None

    @property
    def state(self) -> State:
        """Where the run is between waiting and its end."""
        if self.record:
            return self.record.status
        return "running" if self.running else "waiting"

    @property
    def ops_per_s(self) -> float | None:
        """Memories a second: of the record once there is one."""
        return self.record.ops_per_s if self.record else self.course.mean

    @property
    def shares(self) -> Shares:
        """Where client time went; nothing is known before the meters have been read."""
        return self.course.contention.shares if self.course.contention else Shares()

    def percentile_ms(self, percentile: float) -> float | None:
        """A percentile in milliseconds, one of PERCENTILES; None while nothing has returned."""
        found = self.course.latencies.percentiles_ms
        return found[PERCENTILES.index(percentile)] if found else None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A plan under way, or over."""

    plan_id: str
    runs: tuple[RunView, ...]
    current: int | None = None
    """The run under way."""
    over: bool = False
    problem: str = ""
    """Why the plan could not go on, if the engine itself failed."""

    @property
    def records(self) -> tuple[Record, ...]:
        """The records of the runs that are over, in order."""
        return tuple(run.record for run in self.runs if run.record)

    def with_run(self, index: int, run: RunView) -> Snapshot:
        """The same with one run replaced."""
        return replace(self, runs=(*self.runs[:index], run, *self.runs[index + 1 :]))


class Recorder:
    """Keeps the course of one run in bounded space. Belongs to the engine's thread."""

    def __init__(self) -> None:
        self._points: list[Point] = []
        self._stride = 1
        self._pending: list[Point] = []
        self._recent: deque[Point] = deque()
        self._bins: Counter[int] = Counter()
        self._contention: Summary | None = None
        self._read_anew = False

    def see(self, tick: Tick, measured_s: float) -> None:
        """Take a tick that ends at `measured_s` seconds of measured time."""
        point = Point(measured_s, tick.duration_s, tick.items, tick.cpu_percent_per_core)
        self._recent.append(point)
        while len(self._recent) > 1 and self._recent[0].end_s <= measured_s - NOW_S:
            self._recent.popleft()
        self._keep(point)
        for value, count in zip(tick.latency_ns, tick.latency_counts, strict=True):
            self._bins[bin_of(value)] += count
        self._read_anew = self._read_anew or tick.contention is not None

    def course(self, measurement: Measurement) -> Course:
        """Everything seen so far."""
        if self._read_anew:
            self._contention, self._read_anew = measurement.contention, False
        return Course(
            points=tuple(self._points),
            now=joined(self._recent).rate if self._recent else None,
            mean=measurement.ops_per_s,
            latencies=self._latencies(measurement),
            acknowledged=measurement.acknowledged,
            errors=measurement.errors.total(),
            weights=measurement.started.weights if measurement.started else None,
            contention=self._contention,
        )

    def _keep(self, point: Point) -> None:
        self._pending.append(point)
        if len(self._pending) < self._stride:
            return
        self._points.append(joined(self._pending))
        self._pending.clear()
        if len(self._points) >= POINTS_MAX:
            self._points = [joined(self._points[at : at + 2]) for at in range(0, len(self._points), 2)]
            self._stride *= 2

    def _latencies(self, measurement: Measurement) -> Latencies:
        if not self._bins:
            return Latencies()
        # One pass over the histogram for all percentiles: a pass a percentile is felt by what is being measured.
        values = measurement.latencies.get_percentile_to_value_dict(PERCENTILES)
        return Latencies(
            bins=tuple(sorted(self._bins.items())),
            percentiles_ms=tuple(values[percentile] / 1e6 for percentile in PERCENTILES),
            longest_ms=measurement.latencies.get_max_value() / 1e6,
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
