"""How systems scale with clients: the runs that tell it, and the curve that is fitted to them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from membench.analysis.scaling import Scaling, ScalingError, ceiling, fit
from membench.report.explanation import (
    SCALING_MIN,
    curve_in_words,
    fitted_in_words,
    not_fitted,
    scaling_group,
    scaling_groups,
)
from membench.results.record import Record

STEPS = 120
"""Points of a curve that is drawn."""
Line = tuple[tuple[float, float], ...]
"""Clients and memories a second."""


class Fitted(NamedTuple):
    """What the runs of a group say together."""

    words: tuple[str, ...]
    """The parameters with their intervals and the figures they rest on, or why there are none."""
    beside_chart: tuple[str, ...]
    """The same without the figures, for where they are drawn."""
    curve: Line = ()
    """Nothing where no curve was fitted."""

    @classmethod
    def without_curve(cls, why: str) -> Fitted:
        """Only words."""
        return cls((why,), (why,))


class Group(NamedTuple):
    """The runs that differ from each other in nothing but the number of clients."""

    name: str
    records: tuple[Record, ...]

    @property
    def key(self) -> tuple[str, ...]:
        """The names of its runs: as long as these are the same, so is the curve."""
        return tuple(record.run_id for record in self.records)

    @property
    def largest(self) -> Record:
        """Its run with most clients."""
        return max(self.records, key=lambda record: record.clients)

    @property
    def points(self) -> Mapping[int, Sequence[float]]:
        """Memories a second of each repeat, by number of clients."""
        return dict(sorted(scaling_groups(self.records)[self.name].items()))

    @property
    def measured(self) -> tuple[tuple[int, float], ...]:
        """The median at each number of clients."""
        return tuple((clients, statistics.median(rates)) for clients, rates in self.points.items())

    @property
    def bound(self) -> Line:
        """The most that is possible: min(N / R1, limit), from what the fewest clients got done."""
        fewest, rate = self.measured[0]
        return tuple((n, ceiling(n, fewest / rate, self._limit)) for n in _steps(self.measured)) if rate else ()

    @property
    def _limit(self) -> float | None:
        return next((record.limit_memories_per_s for record in self.records if record.limit_memories_per_s), None)

    def fitted(self) -> Fitted:
        """Fit the curve, or say why not; takes up to seconds, and imports scipy."""
        try:
            scaling = fit(self.points)
        except ScalingError as error:
            return Fitted.without_curve(not_fitted(self.name, error))
        words = tuple(fitted_in_words(self.name, self.points, scaling, self._limit))
        return Fitted(words, tuple(curve_in_words(self.name, scaling)), _curve(scaling, self.measured))


def groups_in(records: Iterable[Record]) -> tuple[Group, ...]:
    """The groups among runs in which enough numbers of clients were measured."""
    known = tuple(records)
    return tuple(
        Group(name, tuple(record for record in known if record.status == "ok" and scaling_group(record) == name))
        for name, points in scaling_groups(known).items()
        if len(points) >= SCALING_MIN
    )


def group_of(record: Record, records: Iterable[Record]) -> Group | None:
    """The group that a run belongs to, if enough numbers of clients were measured."""
    name = scaling_group(record)
    return next((group for group in groups_in(records) if group.name == name), None)


def _curve(scaling: Scaling, measured: Sequence[tuple[int, float]]) -> Line:
    return tuple((clients, scaling.memories_per_s(clients)) for clients in _steps(measured))


def _steps(measured: Sequence[tuple[int, float]]) -> list[float]:
    """Numbers of clients between the fewest and the most, evenly spaced where the axis is logarithmic."""
    low, high = math.log(measured[0][0]), math.log(measured[-1][0])
    return [math.exp(low + (high - low) * step / STEPS) for step in range(STEPS + 1)]
