"""Throughput by number of clients: a fit of the Universal Scalability Law, with intervals."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from membench.analysis.usl import Law, LeastSquares, Region, enough_clients, peak_clients, peak_speedup
from membench.units import format_share

if TYPE_CHECKING:
    from collections.abc import Callable

POINTS_MIN = 6
RESIDUAL_MAX = 0.15
"""Largest root mean square of the relative residuals at which a curve still describes its points."""
FAR = 10.0
"""Multiple of what was measured from which on a figure says no more than that there is no such bound."""


class ScalingError(Exception):
    """The data do not support a fit. The message is one line that says why."""


class Estimate(msgspec.Struct, frozen=True):
    """A value and its 95 % interval; any of the three is infinite where the data set no bound."""

    value: float
    low: float
    high: float


class Peak(msgspec.Struct, frozen=True, kw_only=True):
    """The highest throughput of a curve."""

    memories_per_s: Estimate
    """Reached at the peak, or approached where the curve levels off; infinite where it grows without bound."""
    clients: Estimate
    """The number of clients with the highest throughput; infinite where the curve only levels off."""
    enough_clients: Estimate
    """The fewest clients that reach 95 % of it."""


class Scaling(msgspec.Struct, frozen=True, kw_only=True):
    """A fitted curve, and figures derived from it."""

    single_memories_per_s: Estimate
    """g: the fitted throughput of one client."""
    contention: Estimate
    coherency: Estimate
    peak: Peak | None
    """None where the curve says nothing of it: see `above_peak` and `up_to_cores`."""
    above_peak: int | None
    """A number of clients whose median is above every curve that the data allow, so that no curve may be drawn."""
    up_to_cores: bool
    """Whether the fit has only the points up to the usable cores, and so says nothing of more clients."""
    cores_contention: float | None
    """The contention of a system without any lock whose clients share the usable cores, at the same numbers of clients.
    None where no point of the fit has more clients than cores, or the cores are unknown."""
    clients: tuple[int, ...]
    """The numbers of clients in the fit."""
    karp_flatt: dict[int, float]
    """The serial share by number of clients: (1/S - 1/N) / (1 - 1/N), where S = X(N) / X(1)."""
    residual: float
    """Root mean square of the relative residuals."""

    def memories_per_s(self, clients: float) -> float:
        """Return the throughput of the curve at a number of clients."""
        return self._law.rate(clients)

    @property
    def _law(self) -> Law:
        return Law(self.single_memories_per_s.value, self.contention.value, self.coherency.value)


def fit(measured: Mapping[int, Sequence[float]], cores: int = 0) -> Scaling:
    """Fit the law to measured throughput.

    The points up to the usable cores are fitted if there are enough of them: beyond, clients share the cores, which
    looks like contention. Otherwise all points are, and `cores_contention` says how much of it cores alone would be.

    The curve is the best one whose peak is not below a measured median. Its figures have profile likelihood intervals
    over the repeats, which `benchmarks/interval_coverage.py` checks by simulation. With one repeat of each number of
    clients, a drift of the machine while they are measured cannot be told from scaling, and is in no interval.

    Args:
        measured: Memories per second of each repeat, by number of clients.
        cores: The usable cores; 0 where they are unknown.

    Raises:
        ScalingError: There are fewer than six numbers of clients, one of them has no throughput, or no curve fits.
    """
    points = {clients: list(rates) for clients, rates in sorted(measured.items()) if rates}
    if len(points) < POINTS_MIN:
        raise ScalingError(f"a fit needs {POINTS_MIN} numbers of clients or more, and there are {len(points)}")
    if any(rate <= 0 for rates in points.values() for rate in rates):
        raise ScalingError("one number of clients has no throughput, so there is no curve to fit")
    medians = {clients: statistics.median(rates) for clients, rates in points.items()}
    fitted = _up_to(points, cores)
    squares = LeastSquares(fitted)
    law = squares.best_reaching(max(medians.values()))
    is_reached = squares.allows(law)
    law = law if is_reached else squares.best
    residual = _residual({clients: medians[clients] for clients in fitted}, law)
    if residual > RESIDUAL_MAX:
        raise ScalingError(
            f"the best curve is off by {format_share(residual)}, and at most {format_share(RESIDUAL_MAX)} is accepted; "
            "measure longer, or with more repeats"
        )
    region = squares.region().with_law(law)
    up_to_cores = len(fitted) < len(points)
    peak = _peak(law, region, far_clients=FAR * max(fitted), far_rate=FAR * max(medians.values()))
    has_peak = is_reached and (not up_to_cores or peak.clients.value <= cores)
    return Scaling(
        single_memories_per_s=Estimate(law.single, float(region.single_low.min()), float(region.single_high.max())),
        contention=_estimate(law.contention, region.contention),
        coherency=_estimate(law.coherency, region.coherency),
        peak=peak if has_peak else None,
        above_peak=None if is_reached else max(medians, key=lambda clients: medians[clients]),
        up_to_cores=up_to_cores,
        cores_contention=_contention_of(cores, fitted) if 0 < cores < max(fitted) else None,
        clients=tuple(fitted),
        karp_flatt=karp_flatt(medians),
        residual=residual,
    )


def karp_flatt(medians: Mapping[int, float]) -> dict[int, float]:
    """Return the experimentally determined serial share at each number of clients above one.

    It is empty without a measurement of one client. Source: A. Karp, H. Flatt, CACM 33(5), 1990.
    """
    if 1 not in medians:
        return {}
    speedups = {clients: rate / medians[1] for clients, rate in medians.items() if clients > 1}
    return {clients: (1 / speedup - 1 / clients) / (1 - 1 / clients) for clients, speedup in speedups.items()}


def ceiling(clients: float, single_latency_s: float, limit_memories_per_s: float | None) -> float:
    """Return the throughput of closed-loop clients that never wait for each other: min(N / R1, limit).

    Args:
        clients: N.
        single_latency_s: R1, the mean time per memory of one client alone.
        limit_memories_per_s: The best rate found on the machine; None where it is unknown.
    """
    asymptote = clients / single_latency_s
    return asymptote if limit_memories_per_s is None else min(asymptote, limit_memories_per_s)


def _up_to(points: Mapping[int, list[float]], cores: int) -> dict[int, list[float]]:
    """Return the points up to the usable cores if these are enough for a fit, and otherwise all."""
    within = {clients: rates for clients, rates in points.items() if clients <= cores}
    return within if len(within) >= POINTS_MIN else dict(points)


def _contention_of(cores: int, numbers: Mapping[int, object]) -> float:
    """Return the fitted contention of X(N) = min(N, cores): clients that keep a core each busy, and share no lock."""
    return LeastSquares({clients: [float(min(clients, cores))] for clients in numbers}).best.contention


def _residual(points: Mapping[int, float], law: Law) -> float:
    return math.sqrt(statistics.fmean((law.rate(clients) / rate - 1) ** 2 for clients, rate in points.items()))


def _peak(law: Law, region: Region, *, far_clients: float, far_rate: float) -> Peak:
    """Return the figures of the peak. From the far ends on, a figure counts as infinite."""
    speedups = peak_speedup(region.contention, region.coherency)
    low, high = (region.single_low * speedups).min(), (region.single_high * speedups).max()
    highest = law.single * float(peak_speedup(law.contention, law.coherency))
    return Peak(
        memories_per_s=_up_to_far(Estimate(highest, float(low), float(high)), far_rate),
        clients=_up_to_far(_derived(peak_clients, law, region), far_clients),
        enough_clients=_up_to_far(_derived(enough_clients, law, region), far_clients),
    )


def _derived(figure: Callable[[Any, Any], Any], law: Law, region: Region) -> Estimate:
    value = float(figure(law.contention, law.coherency))
    return _estimate(value, figure(region.contention, region.coherency))


def _estimate(value: float, allowed: Any) -> Estimate:
    return Estimate(value, float(allowed.min()), float(allowed.max()))


def _up_to_far(estimate: Estimate, far: float) -> Estimate:
    return Estimate(*(each if each < far else math.inf for each in (estimate.value, estimate.low, estimate.high)))
