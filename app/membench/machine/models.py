"""The models that a run can use, and the weights on this machine."""

from __future__ import annotations

from typing import NamedTuple

from membench_backends.embedding.models.architecture import TWINS
from membench_backends.embedding.models.cache import weights_on_disk


class ModelRow(NamedTuple):
    """A model as tables list it."""

    model: str
    weights: str
    """The weights that a run would use: `real`, `twin` or `none`."""
    note: str
    """Where the weights are, and how to get the real ones."""


def model_rows() -> list[ModelRow]:
    """Return the models that have a speed twin, in the order in which they are listed."""
    rows = []
    for model in TWINS:
        weights = weights_on_disk(model)
        advice = "" if weights.weights == "real" else f"; real weights: membench-tui models pull --model {model}"
        rows.append(ModelRow(model, weights.weights or "none", weights.note + advice))
    return rows
