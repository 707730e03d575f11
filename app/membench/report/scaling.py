"""Scaling in words: how the throughput of a system grows with its clients."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from membench.analysis.groups import group_by, same_but_clients
from membench.analysis.scaling import Estimate, Peak, Scaling, ScalingError, ceiling, fit
from membench.analysis.usl import NEARLY
from membench.results.record import Record
from membench.units import format_rate, format_share, plural

CLIENTS_MIN = 3
"""Numbers of clients from which on a reader expects a statement about scaling, or the reason why there is none."""
CURVE_STEPS = 120
IDEAL = "ideal, min(N / R1, best found)"
"""Throughput if no client waited for another, and the machine embedded no faster than its best rate found."""
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
    def ideal(self) -> Curve:
        """Clients that never wait for each other, min(N / R1, best found); empty where one client was not measured."""
        fewest, rate = self.measured[0]
        if fewest != 1 or not rate:
            return ()
        return tuple((n, ceiling(n, 1 / rate, self.limit)) for n in _steps([n for n, _ in self.measured]))

    @property
    def cores(self) -> int:
        """The fewest usable cores of its runs; 0 where they are unknown."""
        return min((record.cores for record in self.records if record.cores), default=0)

    @property
    def limit(self) -> float | None:
        """The best rate found on the machine; None where it is unknown."""
        return next((record.limit_memories_per_s for record in self.records if record.limit_memories_per_s), None)

    def fitted(self) -> FittedScaling:
        """Fit the curve, or say why there is none. Takes up to seconds, and imports scipy."""
        try:
            scaling = fit(self.rates, self.cores)
        except ScalingError as error:
            return FittedScaling.without_curve(f"scaling of {self.name}: not fitted: {error}")
        parameters = tuple(self._parameters(scaling))
        steps = _steps(scaling.clients) if scaling.above_peak is None else ()
        curve = tuple((clients, scaling.memories_per_s(clients)) for clients in steps)
        return FittedScaling((*parameters, *_table(self.measured, scaling, self.limit)), parameters, curve)

    def _parameters(self, scaling: Scaling) -> Iterator[str]:
        """Yield the parameters of a curve with their intervals, its peak, and what these do not say."""
        yield (
            f"scaling of {self.name}: contention {_interval(scaling.contention, '.2f')}, "
            f"coherency {_interval(scaling.coherency, '.4f')} "
            f"(Universal Scalability Law, within {format_share(scaling.residual)})"
        )
        if scaling.peak:
            yield f"  {_peak_text(scaling.peak)}"
        if scaling.above_peak is not None:
            rate = statistics.median(self.rates[scaling.above_peak])
            clients = plural(scaling.above_peak, "client")
            yield (
                f"  no curve and no peak: {clients} achieved {format_rate(rate)} memories/s, "
                "more than any curve that fits the other points"
            )
        if scaling.cores_contention is not None:
            cores = plural(self.cores, "usable core")
            yield (
                f"  cores are part of this contention and of the serial share: {cores} alone, without any lock, "
                f"would give a contention of {scaling.cores_contention:.2f} at these numbers of clients"
            )
        if scaling.up_to_cores:
            yield f"  fitted up to the {self.cores} usable cores, and says nothing of more clients"
        if max(map(len, self.rates.values())) == 1:
            yield "  one repeat each: a drift of the machine would look like scaling; --repeats 3 tells them apart"


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


def _peak_text(peak: Peak) -> str:
    """Return where throughput is highest: `at most 400 (380 to 425) memories/s, at 25 (20 or more) clients`."""
    if math.isinf(peak.memories_per_s.value):
        return f"no highest throughput in sight: {_interval(peak.memories_per_s, ',.0f')} memories/s"
    most = f"at most {_interval(peak.memories_per_s, ',.0f')} memories/s"
    if math.isinf(peak.clients.value):
        where = "levelling off"
        if peak.clients.low > 1:
            where += f": a peak would be at {peak.clients.low:.1f} clients or more"
    else:
        where = f"at {_interval(peak.clients, '.1f')} clients"
    return f"{most}, {where}; {format_share(NEARLY)} of it from {_interval(peak.enough_clients, '.1f')} clients on"


def _table(measured: Sequence[tuple[int, float]], scaling: Scaling, limit: float | None) -> Iterator[str]:
    """Yield measured, fitted and ideal throughput and the serial share, a column per number of clients."""
    fitted = scaling.clients if scaling.above_peak is None else ()
    serial = [scaling.karp_flatt.get(clients) for clients, _ in measured]
    rows = {
        "clients": [str(clients) for clients, _ in measured],
        "measured, memories/s": [format_rate(median) for _, median in measured],
        "fitted": [
            format_rate(scaling.memories_per_s(clients) if clients in fitted else None) for clients, _ in measured
        ],
        "serial share (Karp-Flatt)": ["–" if share is None else f"{share:.2f}" for share in serial],
    }
    fewest, rate = measured[0]
    if fewest == 1:
        rows[IDEAL] = [format_rate(ceiling(clients, 1 / rate, limit)) for clients, _ in measured]
    for name, cells in rows.items():
        yield f"  {name:<32}" + "".join(f"{cell:>9}" for cell in cells)


def _steps(numbers: Sequence[int]) -> list[float]:
    """Return numbers of clients from the fewest to the most, evenly spaced on a logarithmic axis."""
    low, high = math.log(numbers[0]), math.log(numbers[-1])
    return [math.exp(low + (high - low) * step / CURVE_STEPS) for step in range(CURVE_STEPS + 1)]


def _interval(estimate: Estimate, spec: str) -> str:
    """Return `25 (20 to 31)`, or only the bounds that there are: `25 (20 or more)`, `20 or more`, `unknown`."""
    value, low, high = (f"{each:{spec}}" for each in (estimate.value, estimate.low, estimate.high))
    if math.isinf(estimate.low):
        return "unknown"
    if math.isinf(estimate.value):
        return f"{low} or more"
    return f"{value} ({low} or more)" if math.isinf(estimate.high) else f"{value} ({low} to {high})"
