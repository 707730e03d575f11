"""Scaling in words: how the throughput of a system grows with its clients."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from membench.analysis.groups import group_by, same_but_clients
from membench.analysis.scaling import NEARLY, Estimate, Scaling, ScalingError, ceiling, fit
from membench.results.record import Record
from membench.units import format_rate, format_share

CLIENTS_MIN = 3
"""Numbers of clients from which on a reader expects a statement about scaling, or the reason why there is none."""
CURVE_STEPS = 120
Curve = tuple[tuple[float, float], ...]
"""Clients and memories per second."""


class FittedScaling(NamedTuple):
    """What the runs of a system say together."""

    lines: tuple[str, ...]
    """The parameters with their intervals and the figures that they rest on, or why there is no curve."""
    lines_beside_chart: tuple[str, ...]
    """The same without the figures, for a place where these are drawn."""
    curve: Curve = ()
    """Empty where no curve was fitted."""

    @classmethod
    def without_curve(cls, reason: str) -> FittedScaling:
        """Return the reason alone."""
        return cls((reason,), (reason,))


class ScalingGroup(NamedTuple):
    """The runs that differ in nothing but the number of clients."""

    name: str
    records: tuple[Record, ...]

    @property
    def key(self) -> tuple[str, ...]:
        """The IDs of its runs: as long as these stay the same, so does the curve."""
        return tuple(record.run_id for record in self.records)

    @property
    def largest(self) -> Record:
        """The run with the most clients."""
        return max(self.records, key=lambda record: record.clients)

    @property
    def rates(self) -> dict[int, list[float]]:
        """Memories per second of each repeat, by number of clients."""
        rates: dict[int, list[float]] = {}
        for record in sorted(self.records, key=lambda record: record.clients):
            rates.setdefault(record.clients, []).extend(record.memories_per_s_repeats)
        return rates

    @property
    def measured(self) -> tuple[tuple[int, float], ...]:
        """The median rate at each number of clients."""
        return tuple((clients, statistics.median(rates)) for clients, rates in self.rates.items())

    @property
    def bound(self) -> Curve:
        """The most that is possible, min(N / R1, limit), from what the fewest clients achieved."""
        fewest, rate = self.measured[0]
        return tuple((n, ceiling(n, fewest / rate, self.limit)) for n in _steps(self.measured)) if rate else ()

    @property
    def limit(self) -> float | None:
        """The limit of the machine; None where it is unknown."""
        return next((record.limit_memories_per_s for record in self.records if record.limit_memories_per_s), None)

    def fitted(self) -> FittedScaling:
        """Fit the curve, or say why there is none. Takes up to seconds, and imports scipy."""
        try:
            scaling = fit(self.rates)
        except ScalingError as error:
            return FittedScaling.without_curve(f"scaling of {self.name}: not fitted: {error}")
        parameters = tuple(_parameters(self.name, scaling))
        curve = tuple((clients, scaling.memories_per_s(clients)) for clients in _steps(self.measured))
        return FittedScaling((*parameters, *_table(self.rates, scaling, self.limit)), parameters, curve)


def scaling_groups(records: Iterable[Record]) -> tuple[ScalingGroup, ...]:
    """Return the groups of runs in which enough numbers of clients were measured."""
    usable = (r for r in records if r.status == "ok" and r.loop == "closed" and r.memories_per_s_repeats)
    groups = (ScalingGroup(str(name), tuple(runs)) for name, runs in group_by(usable, same_but_clients).items())
    return tuple(group for group in groups if len({record.clients for record in group.records}) >= CLIENTS_MIN)


def scaling_group_of(record: Record, records: Iterable[Record]) -> ScalingGroup | None:
    """Return the group of a run; None where too few numbers of clients were measured."""
    name = same_but_clients(record)
    return next((group for group in scaling_groups(records) if group.name == name), None)


def scaling_text(records: Sequence[Record]) -> Iterator[str]:
    """Yield how each system scales with clients, or why that is unknown, where enough numbers were measured."""
    for group in scaling_groups(records):
        yield from group.fitted().lines


def _parameters(name: str, scaling: Scaling) -> Iterator[str]:
    """Yield the parameters of a curve with their intervals, and its maximum."""
    yield (
        f"scaling of {name}: contention {_interval(scaling.contention, '.2f')}, "
        f"coherency {_interval(scaling.coherency, '.4f')} "
        f"(Universal Scalability Law, within {format_share(scaling.residual)})"
    )
    if scaling.peak_memories_per_s:
        where = f"at {_interval(scaling.peak_clients, '.1f')} clients" if scaling.peak_clients else "levelling off"
        enough = f"; {format_share(NEARLY)} of it from {_interval(scaling.enough_clients, '.1f')} clients on"
        yield (
            f"  at most {_interval(scaling.peak_memories_per_s, ',.0f')} memories/s, {where}"
            f"{enough if scaling.enough_clients else ''}"
        )


def _table(rates: Mapping[int, Sequence[float]], scaling: Scaling, limit: float | None) -> Iterator[str]:
    """Yield measured, fitted and possible throughput and the serial share, a column per number of clients."""
    medians = {clients: statistics.median(repeats) for clients, repeats in sorted(rates.items())}
    fewest, rate = next(iter(medians.items()))
    bounds = [ceiling(clients, fewest / rate, limit) for clients in medians]
    serial = [scaling.karp_flatt.get(clients) for clients in medians]
    rows = {
        "clients": [str(clients) for clients in medians],
        "measured, memories/s": [format_rate(median) for median in medians.values()],
        "fitted": [format_rate(scaling.memories_per_s(clients)) for clients in medians],
        "bound, min(N / R1, limit)": [format_rate(bound) for bound in bounds],
        "serial share (Karp-Flatt)": ["–" if share is None else f"{share:.2f}" for share in serial],
    }
    for name, cells in rows.items():
        yield f"  {name:<32}" + "".join(f"{cell:>9}" for cell in cells)


def _steps(measured: Sequence[tuple[int, float]]) -> list[float]:
    """Return numbers of clients from the fewest to the most, evenly spaced on a logarithmic axis."""
    low, high = math.log(measured[0][0]), math.log(measured[-1][0])
    return [math.exp(low + (high - low) * step / CURVE_STEPS) for step in range(CURVE_STEPS + 1)]


def _interval(estimate: Estimate | None, spec: str) -> str:
    if estimate is None:
        return "–"
    return f"{estimate.value:{spec}} ({estimate.low:{spec}} to {estimate.high:{spec}})"
