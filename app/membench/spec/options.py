"""The run options: bounds, help text and command-line flag of each, declared once in its type.

The command line, the form, the validation, the scenario file and the record are built from these types.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from membench.units import DURATION_MAX_S

Operation = Literal["add", "add_batch"]
Arrivals = Literal["constant", "poisson"]
Precision = Literal["fp32", "int8"]
Embedder = Literal["model", "fixed"]

ARRIVALS_MAX = 5_000_000
"""Most operations that an open loop may schedule."""
RATE_MIN = 0.001
"""Least operations per second of an open loop: the times of a slower one would exceed 64 bits of nanoseconds."""


def _option(flag: str, description: str, **declared: Any) -> Meta:
    """Return the annotation of an option; `metavar` and `unit` go to the command line, all else bounds the value."""
    extra = {"flag": flag, "metavar": declared.pop("metavar", None), "unit": declared.pop("unit", None)}
    return Meta(description=description, extra=extra, **declared)


BackendName = Annotated[str, _option("--backend", "Memory systems, or single stages.")]
StrategyName = Annotated[str, _option("--strategy", "How concurrent callers share the embedding model.")]
StoreName = Annotated[str, _option("--store", "Vector stores.")]
Clients = Annotated[int, _option("--clients", "Concurrent callers.", ge=1, le=1024)]
Threads = Annotated[int, _option("--threads", "Intra-op threads of one model session.", ge=1, le=1024)]
ModelName = Annotated[str, _option("--model", "A FastEmbed model, or a folder with a model.", metavar="NAME|DIR")]
ModelPrecision = Annotated[Precision, _option("--precision", "Arithmetic of the model.")]
EmbedderName = Annotated[Embedder, _option("--embedder", "Source of vectors: the model, or a table at no cost.")]
CorpusName = Annotated[
    str,
    _option(
        "--corpus",
        "Texts: `turns`, `benchmark`, or your file: .txt (one per line), .jsonl (field `text`) or .csv.",
        metavar="NAME|FILE",
    ),
]
CorpusColumn = Annotated[str, _option("--corpus-column", "The column of a .csv corpus.", metavar="NAME")]
DurationS = Annotated[
    float, _option("--duration", "Stop after this time, such as 5s.", unit="s", gt=0, le=DURATION_MAX_S)
]
Items = Annotated[int, _option("--items", "Stop after this many memories.", ge=1, le=10_000_000)]
TargetRate = Annotated[
    float, _option("--rate", "Operations per second of all clients together: an open loop.", ge=RATE_MIN, le=1e6)
]
ArrivalProcess = Annotated[Arrivals, _option("--arrivals", "Schedule of an open loop.")]
Repeats = Annotated[int, _option("--repeats", "Measure each run this many times.", ge=1, le=100)]
Seed = Annotated[int, _option("--seed", "Seed of generated texts and arrivals.", ge=0, le=2**32 - 1)]
Metering = Annotated[bool, _option("--metering", "Meter the backend's locks and sleeps.")]
BatchSize = Annotated[int, Meta(ge=1, le=10_000_000)]
WarmupItems = Annotated[int, Meta(ge=0, le=10_000_000)]
