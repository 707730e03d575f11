"""How throughput grows with clients: the Universal Scalability Law, fitted, with intervals.

X(N) = g N / (1 + a (N - 1) + b N (N - 1)), where g is what one client gets done, a is contention (the share of the work
that only one client at a time can do) and b is coherency (what clients cost each other).
Source: N. Gunther, "Guerrilla Capacity Planning", Springer 2007, chapter 4.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Mapping, Sequence

import msgspec

from membench.units import format_share

POINTS_MIN = 6
RESAMPLES = 400
RESIDUAL_MAX = 0.15
"""Largest root mean square of the relative residuals at which a curve still describes its points."""
COHERENCY_MIN = 1e-5
"""Below this a peak, if there is one, lies beyond hundreds of clients: there is none worth the name."""
NEARLY = 0.95
"""The share of the peak at which more clients are no longer worth it."""


Parameters = tuple[float, float, float]
"""g, a, b."""


class ScalingError(Exception):
    """The data do not carry a fit; one line that says why and what would help."""


class Estimate(msgspec.Struct, frozen=True):
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float


class Scaling(msgspec.Struct, frozen=True, kw_only=True):
    """A fitted curve and what follows from it."""

    single_memories_per_s: Estimate
    """g: memories a second of one client, as fitted."""
    contention: Estimate
    coherency: Estimate
    peak_memories_per_s: Estimate | None
    """The highest throughput, or what it levels off at; None where it grows without end."""
    peak_clients: Estimate | None
    """Where throughput is highest; None where it levels off without a peak, or where the peak is in doubt."""
    enough_clients: Estimate | None
    """The fewest that reach 95 % of the highest throughput: beyond it, it no longer scales."""
    karp_flatt: dict[int, float]
    """The serial share that each measured number of clients suggests: (1/S - 1/N) / (1 - 1/N) with S = X(N)/X(1)."""
    residual: float
    """Root mean square of the relative residuals."""

    def memories_per_s(self, clients: float) -> float:
        """The curve at a number of clients."""
        return _usl(clients, self.single_memories_per_s.value, self.contention.value, self.coherency.value)


def fit(measured: Mapping[int, Sequence[float]], seed: int = 1) -> Scaling:
    """Fit the law to throughputs.

    Args:
        measured: Memories a second of each repeat, by number of clients.
        seed: Of the bootstrap.

    Raises:
        ScalingError: There are fewer than six numbers of clients, one measured nothing, or no curve comes close.
    """
    points = {clients: list(rates) for clients, rates in sorted(measured.items()) if rates}
    if len(points) < POINTS_MIN:
        raise ScalingError(f"a fit needs {POINTS_MIN} numbers of clients or more, and there are {len(points)}")
    if any(rate <= 0 for rates in points.values() for rate in rates):
        raise ScalingError("at some number of clients nothing got done, so there is no curve to fit")
    medians = {clients: statistics.median(rates) for clients, rates in points.items()}
    best = _solve(medians)
    residual = _residual(medians, best)
    if residual > RESIDUAL_MAX:
        raise ScalingError(
            f"no curve comes closer than {format_share(residual)} to the points "
            f"(at most {format_share(RESIDUAL_MAX)} is good enough); "
            "measure longer, or with more repeats"
        )
    resampled = [_solve(sample) for sample in _samples(points, medians, best, seed)]
    columns = list(zip(*resampled, strict=True))
    single, contention, coherency = (_estimate(value, column) for value, column in zip(best, columns, strict=True))
    return Scaling(
        single_memories_per_s=single,
        contention=contention,
        coherency=coherency,
        peak_memories_per_s=_derived(_highest, best, resampled),
        peak_clients=_derived(_peak, best, resampled) if coherency.low > COHERENCY_MIN or _peak(*best) == 1 else None,
        enough_clients=_derived(_enough, best, resampled),
        karp_flatt=karp_flatt(medians),
        residual=residual,
    )


def karp_flatt(medians: Mapping[int, float]) -> dict[int, float]:
    """The experimentally determined serial share at each number of clients above one.

    Empty without a measurement of one client. Source: A. Karp, H. Flatt, CACM 33(5), 1990.
    """
    if 1 not in medians:
        return {}
    speedups = {clients: rate / medians[1] for clients, rate in medians.items() if clients > 1}
    return {clients: (1 / speedup - 1 / clients) / (1 - 1 / clients) for clients, speedup in speedups.items()}


def ceiling(clients: float, single_latency_s: float, limit_memories_per_s: float | None) -> float:
    """The most that closed-loop clients can get done: min(N / R1, limit), in operations a second.

    Args:
        clients: N.
        single_latency_s: R1, the mean latency of one client alone.
        limit_memories_per_s: What the machine can do at all; None where that is not known.
    """
    asymptote = clients / single_latency_s
    return asymptote if limit_memories_per_s is None else min(asymptote, limit_memories_per_s)


def _usl(clients: float, single: float, contention: float, coherency: float) -> float:
    return single * clients / (1 + contention * (clients - 1) + coherency * clients * (clients - 1))


def _solve(points: Mapping[int, float]) -> Parameters:
    """Least squares on the relative errors of N / X(N), so that slow points count as much as fast ones.

    N / X is linear in what follows from g, a and b: s + v N + w N (N - 1), where v = a / g, w = b / g and
    s = (1 - a) / g. With none of them below zero, a lies within 0 and 1 by itself, and there is one best answer.
    """
    import numpy as np
    from scipy.optimize import nnls

    clients = np.array(list(points), float)
    fastest = max(points.values())
    per_time = np.array(list(points.values()), float) / clients / fastest  # about 1 or less, whatever the unit
    terms = np.stack([np.ones_like(clients), clients, clients * (clients - 1)], axis=1)
    (serial_free, serial, crosstalk), _ = nnls(terms * per_time[:, None], np.ones_like(clients))
    one = float(serial_free + serial)
    return fastest / one, float(serial) / one, float(crosstalk) / one


def _samples(
    points: Mapping[int, list[float]], medians: Mapping[int, float], best: Parameters, seed: int
) -> list[dict[int, float]]:
    """Bootstrap samples: of repeats where there are some, else of the residuals around the curve."""
    generator = random.Random(seed)
    if all(len(rates) > 1 for rates in points.values()):
        return [
            {clients: statistics.median(generator.choices(rates, k=len(rates))) for clients, rates in points.items()}
            for _ in range(RESAMPLES)
        ]
    errors = [rate / _usl(clients, *best) for clients, rate in medians.items()]
    return [{clients: _usl(clients, *best) * generator.choice(errors) for clients in points} for _ in range(RESAMPLES)]


def _residual(points: Mapping[int, float], parameters: Parameters) -> float:
    return math.sqrt(statistics.fmean((_usl(clients, *parameters) / rate - 1) ** 2 for clients, rate in points.items()))


def _peak(single: float, contention: float, coherency: float) -> float:
    """Clients at the highest throughput: sqrt((1 - a) / b)."""
    if contention >= 1:
        return 1.0
    return max(math.sqrt((1 - contention) / coherency), 1.0) if coherency > COHERENCY_MIN else math.inf


def _highest(single: float, contention: float, coherency: float) -> float:
    at = _peak(single, contention, coherency)
    if math.isfinite(at):
        return _usl(at, single, contention, coherency)
    return single / contention if contention > COHERENCY_MIN else math.inf


def _enough(single: float, contention: float, coherency: float) -> float:
    """The smaller root of X(N) = 0.95 X(peak), a quadratic in N."""
    goal = NEARLY * _highest(single, contention, coherency)
    if not math.isfinite(goal):
        return math.inf
    # b N^2 + (a - b - g / goal) N + (1 - a) = 0
    slope, rest = contention - coherency - single / goal, 1 - contention
    if coherency <= COHERENCY_MIN:
        return max(rest / -slope, 1.0) if slope < 0 else math.inf
    return max((-slope - math.sqrt(max(slope * slope - 4 * coherency * rest, 0.0))) / (2 * coherency), 1.0)


def _derived(
    figure: Callable[[float, float, float], float], best: Parameters, resampled: Sequence[Parameters]
) -> Estimate | None:
    """A figure of the curve with its interval; None where the best curve has none."""
    value = figure(*best)
    return _estimate(value, [figure(*parameters) for parameters in resampled]) if math.isfinite(value) else None


def _estimate(value: float, resampled: Sequence[float]) -> Estimate:
    ordered = sorted(resampled)
    last = len(ordered) - 1
    return Estimate(value, ordered[round(0.025 * last)], ordered[round(0.975 * last)])
