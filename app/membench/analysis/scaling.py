"""Throughput by number of clients: a fit of the Universal Scalability Law, with intervals.

X(N) = g N / (1 + a (N - 1) + b N (N - 1)), where g is the throughput of one client, a is contention (the share of the
work that only one client at a time can do), and b is coherency (the cost of each pair of clients to one another).
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
"""The coherency below which a peak lies beyond hundreds of clients, and so counts as none."""
NEARLY = 0.95
"""The share of the peak from which on more clients are not worth their cost."""

Parameters = tuple[float, float, float]
"""g, a, b."""


class ScalingError(Exception):
    """The data do not support a fit. The message is one line that says why."""


class Estimate(msgspec.Struct, frozen=True):
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float


class Scaling(msgspec.Struct, frozen=True, kw_only=True):
    """A fitted curve, and figures derived from it."""

    single_memories_per_s: Estimate
    """g: the fitted throughput of one client."""
    contention: Estimate
    coherency: Estimate
    peak_memories_per_s: Estimate | None
    """The highest throughput, or the one at which it levels off; None where it grows without bound."""
    peak_clients: Estimate | None
    """The number of clients with the highest throughput; None where there is no peak, or it is uncertain."""
    enough_clients: Estimate | None
    """The fewest clients that reach 95 % of the highest throughput."""
    karp_flatt: dict[int, float]
    """The serial share by number of clients: (1/S - 1/N) / (1 - 1/N), where S = X(N) / X(1)."""
    residual: float
    """Root mean square of the relative residuals."""

    def memories_per_s(self, clients: float) -> float:
        """Return the throughput of the curve at a number of clients."""
        return _usl(clients, self.single_memories_per_s.value, self.contention.value, self.coherency.value)


def fit(measured: Mapping[int, Sequence[float]], seed: int = 1) -> Scaling:
    """Fit the law to measured throughput.

    Args:
        measured: Memories per second of each repeat, by number of clients.
        seed: Seed of the bootstrap.

    Raises:
        ScalingError: There are fewer than six numbers of clients, one of them has no throughput, or no curve fits.
    """
    points = {clients: list(rates) for clients, rates in sorted(measured.items()) if rates}
    if len(points) < POINTS_MIN:
        raise ScalingError(f"a fit needs {POINTS_MIN} numbers of clients or more, and there are {len(points)}")
    if any(rate <= 0 for rates in points.values() for rate in rates):
        raise ScalingError("one number of clients has no throughput, so there is no curve to fit")
    medians = {clients: statistics.median(rates) for clients, rates in points.items()}
    best = _solve(medians)
    residual = _residual(medians, best)
    if residual > RESIDUAL_MAX:
        raise ScalingError(
            f"the best curve is off by {format_share(residual)}, and at most {format_share(RESIDUAL_MAX)} is accepted; "
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
    """Return the experimentally determined serial share at each number of clients above one.

    It is empty without a measurement of one client. Source: A. Karp, H. Flatt, CACM 33(5), 1990.
    """
    if 1 not in medians:
        return {}
    speedups = {clients: rate / medians[1] for clients, rate in medians.items() if clients > 1}
    return {clients: (1 / speedup - 1 / clients) / (1 - 1 / clients) for clients, speedup in speedups.items()}


def ceiling(clients: float, single_latency_s: float, limit_memories_per_s: float | None) -> float:
    """Return the highest possible throughput of closed-loop clients: min(N / R1, limit).

    Args:
        clients: N.
        single_latency_s: R1, the mean time per memory of one client alone.
        limit_memories_per_s: The limit of the machine; None where it is unknown.
    """
    asymptote = clients / single_latency_s
    return asymptote if limit_memories_per_s is None else min(asymptote, limit_memories_per_s)


def _usl(clients: float, single: float, contention: float, coherency: float) -> float:
    return single * clients / (1 + contention * (clients - 1) + coherency * clients * (clients - 1))


def _solve(points: Mapping[int, float]) -> Parameters:
    """Return g, a and b by least squares on the relative errors of N / X(N): slow points count as much as fast ones.

    N / X = s + v N + w N (N - 1) is linear in v = a / g, w = b / g and s = (1 - a) / g. As none of these is negative,
    a lies between 0 and 1, and the solution is unique.
    """
    import numpy as np
    from scipy.optimize import nnls

    clients = np.array(list(points), float)
    fastest = max(points.values())
    per_time = np.array(list(points.values()), float) / clients / fastest  # about 1 or less, in any unit
    terms = np.stack([np.ones_like(clients), clients, clients * (clients - 1)], axis=1)
    (parallel, serial, crosstalk), _ = nnls(terms * per_time[:, None], np.ones_like(clients))
    single = float(parallel + serial)
    return fastest / single, float(serial) / single, float(crosstalk) / single


def _samples(
    points: Mapping[int, list[float]], medians: Mapping[int, float], best: Parameters, seed: int
) -> list[dict[int, float]]:
    """Return bootstrap samples: of the repeats if every point has several, otherwise of the residuals."""
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
    """Return the number of clients with the highest throughput: sqrt((1 - a) / b)."""
    if contention >= 1:
        return 1.0
    return max(math.sqrt((1 - contention) / coherency), 1.0) if coherency > COHERENCY_MIN else math.inf


def _highest(single: float, contention: float, coherency: float) -> float:
    clients = _peak(single, contention, coherency)
    if math.isfinite(clients):
        return _usl(clients, single, contention, coherency)
    return single / contention if contention > COHERENCY_MIN else math.inf


def _enough(single: float, contention: float, coherency: float) -> float:
    """Return the smaller root of X(N) = 0.95 X(peak), which is quadratic in N."""
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
    """Return a figure of the curve with its interval; None where the best curve does not have it."""
    value = figure(*best)
    return _estimate(value, [figure(*parameters) for parameters in resampled]) if math.isfinite(value) else None


def _estimate(value: float, resampled: Sequence[float]) -> Estimate:
    ordered = sorted(resampled)
    last = len(ordered) - 1
    return Estimate(value, ordered[round(0.025 * last)], ordered[round(0.975 * last)])
