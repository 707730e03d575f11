"""The Universal Scalability Law: its curve, its least squares, and the curves that the data do not rule out.

X(N) = g N / (1 + a (N - 1) + b N (N - 1)), where g is the throughput of one client, a is contention (the share of the
work that only one client at a time can do), and b is coherency (the cost of each pair of clients to one another).
Source: N. Gunther, "Guerrilla Capacity Planning", Springer 2007, chapter 4.

Errors of a throughput are relative, so everything here is in logarithms. For given a and b, the best log g is a mean,
which leaves two parameters to search.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Box = tuple[Array, Array]
    """The least and the greatest pair of contention and coherency."""

PARAMETERS = 3
NEARLY = 0.95
"""The share of the peak from which on more clients are not worth their cost."""
BOUNDS = ((0.0, 0.0), (1.0, 16.0))
"""The least and the greatest contention and coherency. With a coherency of 16, two clients are 16 times slower."""
CELLS = 96
"""Cells along each side of the grid of parameters: an end of an interval is off by 1 % of its width at most."""
GROWTHS_MAX = 30
REFINEMENTS = 4
ERROR_MIN = 1e-4
"""The least relative error of a throughput, which keeps the interval of exact data from being empty."""
MISFIT_QUANTILE = 0.95
"""Points that deviate from the curve by more than this quantile allows, given their repeats, are not noise alone."""


class Law(NamedTuple):
    """The parameters of a curve."""

    single: float
    """g, in the unit of the throughput."""
    contention: float
    coherency: float

    def rate(self, clients: float) -> float:
        """Return the throughput at a number of clients."""
        return self.single * clients / float(_slowdown(clients, self.contention, self.coherency))


class Region(NamedTuple):
    """The curves that the data do not rule out; each array has one entry per pair of contention and coherency."""

    contention: Array
    coherency: Array
    single_low: Array
    """The lowest g that is not ruled out together with this pair."""
    single_high: Array

    def with_law(self, law: Law) -> Region:
        """Return the region with one more curve."""
        import numpy as np

        row = (law.contention, law.coherency, law.single, law.single)
        return Region(*(np.append(column, value) for column, value in zip(self, row, strict=True)))


def peak_clients(contention: Any, coherency: Any) -> Any:
    """Return the number of clients with the highest throughput, sqrt((1 - a) / b): infinite where it only levels off.

    The arguments are numbers or arrays of the same shape, as in the other functions.
    """
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        clients = np.sqrt((1 - contention) / np.asarray(coherency, float))
    return np.where(np.asarray(contention) >= 1, 1.0, np.maximum(clients, 1.0))


def peak_speedup(contention: Any, coherency: Any) -> Any:
    """Return the highest throughput in units of g: 1 / (a - b + 2 sqrt(b (1 - a))), and infinite for a = b = 0.

    This is X(N) / g at the peak, as (1 - a) / N = b N = sqrt(b (1 - a)) there. It is 1 where one client is the peak.
    """
    import numpy as np

    a, b = np.asarray(contention, float), np.asarray(coherency, float)
    with np.errstate(divide="ignore"):
        speedup = 1 / (a - b + 2 * np.sqrt(b * (1 - a)))
    return np.where(b >= 1 - a, 1.0, speedup)


def enough_clients(contention: Any, coherency: Any) -> Any:
    """Return the fewest clients that reach 95 % of the highest throughput.

    It is the smaller root of b N^2 + (a - b - 1 / s) N + (1 - a) = 0, where s is 95 % of the peak's speedup.
    """
    import numpy as np

    a, b = np.asarray(contention, float), np.asarray(coherency, float)
    slope = 1 / (NEARLY * peak_speedup(a, b)) - a + b
    with np.errstate(divide="ignore", invalid="ignore"):
        clients = 2 * (1 - a) / (slope + np.sqrt(np.maximum(slope * slope - 4 * b * (1 - a), 0.0)))
    return np.where(a >= 1, 1.0, np.maximum(clients, 1.0))


class LeastSquares:
    """The least squares of log throughput, over all repeats."""

    def __init__(self, rates: Mapping[int, Sequence[float]]) -> None:
        """Take positive rates of each repeat by number of clients, with more numbers than parameters."""
        import numpy as np

        logs = [np.log(np.asarray(repeats, float)) for repeats in rates.values()]
        self._clients = np.array(list(rates), float)
        self._repeats = np.array([len(each) for each in logs], float)
        self._logs = np.array([each.mean() for each in logs])
        self._within = float(sum(((each - each.mean()) ** 2).sum() for each in logs))
        """Sum of squares of the repeats around their means."""
        self.best = self._solve()
        """The best curve of all."""
        _, least = self._squares(*self.best[1:])
        self._least = float(least)
        self._margin = self._allowance()

    def allows(self, law: Law) -> bool:
        """Return whether the data do not rule a curve out."""
        mean, squares = self._squares(law.contention, law.coherency)
        excess = self._repeats.sum() * (math.log(law.single) - mean) ** 2
        return bool(squares + excess <= self._least + self._margin)

    def best_reaching(self, rate: float) -> Law:
        """Return the best curve whose highest throughput is at least `rate`."""
        import numpy as np

        best = self.best
        if best.single * float(peak_speedup(best.contention, best.coherency)) >= rate:
            return best
        low, high = self._box()
        for _ in range(REFINEMENTS):
            a, b = _grid((low, high))
            mean, squares = self._squares(a, b)
            raised = np.maximum(mean, math.log(rate) - np.log(peak_speedup(a, b)))
            at = int((squares + self._repeats.sum() * (raised - mean) ** 2).argmin())
            best = Law(math.exp(raised[at]), a[at].item(), b[at].item())
            nearby = 3 * (high - low) / CELLS
            low, high = np.clip(best[1:] - nearby, *BOUNDS), np.clip(best[1:] + nearby, *BOUNDS)
        return best

    def region(self) -> Region:
        """Return the curves whose squares exceed the least by no more than Student's t allows.

        The set of a figure over these curves is its profile likelihood interval: unlike a resampled percentile, it
        is right for skewed figures and at the bounds of a and b. Source: D. Bates, D. Watts, "Nonlinear Regression
        Analysis and Its Applications", Wiley 1988, chapter 6.
        """
        import numpy as np

        a, b = _grid(self._box())
        mean, squares = self._squares(a, b)
        room = self._least + self._margin - squares
        inside = room >= 0
        slack = np.sqrt(room[inside] / self._repeats.sum())
        low, high = np.exp(mean[inside] - slack), np.exp(mean[inside] + slack)
        return Region(a[inside], b[inside], low, high).with_law(self.best)

    def _allowance(self) -> float:
        """Return the excess of squares that a 95 % interval allows: t^2 s^2.

        s^2 has all residuals, with 3 degrees of freedom fewer than there are repeats. Where the points deviate from
        the curve by more than their repeats explain, it has the deviations of the points alone.
        """
        from scipy.special import fdtri, stdtrit

        points, repeats = len(self._clients), int(self._repeats.sum())
        freedom, squares = repeats - PARAMETERS, self._least + self._within
        if repeats > points:
            noise = self._within / (repeats - points)
            allowed = fdtri(points - PARAMETERS, repeats - points, MISFIT_QUANTILE) * noise
            if self._least / (points - PARAMETERS) > allowed:
                freedom, squares = points - PARAMETERS, self._least
        variance = squares / freedom
        return float(stdtrit(freedom, 0.975)) ** 2 * max(variance, ERROR_MIN**2)

    def _squares(self, contention: Any, coherency: Any) -> tuple[Any, Any]:
        """Return the best log g and the sum of squares around it, for numbers or arrays."""
        import numpy as np

        shape = (-1, *(1,) * np.ndim(contention))
        clients, logs = self._clients.reshape(shape), self._logs.reshape(shape)
        weights = self._repeats.reshape(shape)
        singles = logs - np.log(clients) + np.log(_slowdown(clients, contention, coherency))
        mean = (weights * singles).sum(axis=0) / self._repeats.sum()
        return mean, (weights * (singles - mean) ** 2).sum(axis=0)

    def _solve(self) -> Law:
        """Return the best curve, from the start of a linear approximation: N / X = s + v N + w N (N - 1)."""
        import numpy as np
        from scipy.optimize import least_squares, nnls

        clients, weights = self._clients, np.sqrt(self._repeats)
        per_client = np.exp(self._logs - self._logs.max()) / clients
        terms = np.stack([np.ones_like(clients), clients, clients * (clients - 1)], axis=1)
        (parallel, serial, crosstalk), _ = nnls(terms * per_client[:, None], np.ones_like(clients))
        start = np.array([serial, crosstalk]) / (parallel + serial) if parallel + serial else np.array([0.5, 0.1])
        start = np.clip(start, *BOUNDS)

        def residuals(pair: Array) -> Array:
            singles = self._logs - np.log(clients) + np.log(_slowdown(clients, *pair))
            centred: Array = weights * (singles - (self._repeats * singles).sum() / self._repeats.sum())
            return centred

        scale = np.array([1.0, 1 / clients.max()])
        found = least_squares(residuals, start, bounds=BOUNDS, x_scale=scale, xtol=1e-12, ftol=1e-14)
        pair = min(found.x, start, key=lambda each: float((residuals(each) ** 2).sum()))
        mean, _ = self._squares(*pair)
        return Law(math.exp(mean), *pair.tolist())

    def _box(self) -> Box:
        """Return a box of a and b that contains the region and little else: it grows until it has all of it."""
        import numpy as np

        best = np.array(self.best[1:])
        reach = np.array([1e-5, 1e-5 / self._clients.max()])
        low = high = least = most = best
        for _ in range(GROWTHS_MAX):
            low, high = np.clip(best - reach, *BOUNDS), np.clip(best + reach, *BOUNDS)
            pairs = np.stack(_grid((low, high)))
            inside = pairs[:, self._squares(*pairs)[1] <= self._least + self._margin]
            least, most = (inside.min(axis=1), inside.max(axis=1)) if inside.size else (best, best)
            is_cut = ((least <= low) & (low > BOUNDS[0])) | ((most >= high) & (high < BOUNDS[1]))
            if not is_cut.any():
                break
            reach = np.where(is_cut, 4 * reach, reach)
        cell = (high - low) / CELLS
        return np.clip(least - cell, *BOUNDS), np.clip(most + cell, *BOUNDS)


def _slowdown(clients: Any, contention: Any, coherency: Any) -> Any:
    return 1 + contention * (clients - 1) + coherency * clients * (clients - 1)


def _grid(box: Box) -> tuple[Array, Array]:
    """Return every pair of a grid over a box: its values of contention and of coherency."""
    import numpy as np

    sides = (np.linspace(low, high, CELLS + 1) for low, high in zip(*box, strict=True))
    a, b = np.meshgrid(*sides)
    return a.ravel(), b.ravel()
