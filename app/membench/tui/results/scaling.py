"""The fitted scaling curves of Results: computed in a thread, once per group of runs."""

from __future__ import annotations

from collections.abc import Callable

from textual.widget import Widget

from membench.report.scaling import FittedScaling, ScalingGroup

FITTING = FittedScaling.without_curve("the curve is being fitted …")
FITTED_LATER = FittedScaling.without_curve("the curve is fitted when the plan ends: fitting would slow down the run")


class ScalingFits:
    """The curve of each group of runs that was asked for."""

    def __init__(self, owner: Widget, on_fitted: Callable[[], None]) -> None:
        """Start without curves.

        Args:
            owner: The widget whose workers fit the curves.
            on_fitted: Called in the app's thread whenever a curve has been fitted.
        """
        self._owner, self._on_fitted = owner, on_fitted
        self._fits: dict[tuple[str, ...], FittedScaling] = {}

    def get(self, group: ScalingGroup, *, measuring: bool) -> FittedScaling:
        """Return the curve of a group, or start to fit it. While a run is measured, none is started."""
        if group.key not in self._fits:
            if measuring:
                return FITTED_LATER
            self._fits[group.key] = FITTING
            self._owner.run_worker(lambda: self._fit(group), thread=True)
        return self._fits[group.key]

    def _fit(self, group: ScalingGroup) -> None:
        fitted = group.fitted()
        self._owner.app.call_from_thread(self._store, group.key, fitted)

    def _store(self, key: tuple[str, ...], fitted: FittedScaling) -> None:
        self._fits[key] = fitted
        self._on_fitted()
