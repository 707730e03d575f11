"""Everything that crosses the border between the console and a runner; the only thing the two share.

The console writes one `RunSpec` to the runner's standard input and keeps it open: end of file there tells the runner
that its console is gone. The runner answers with a stream of messages. Both directions carry frames: four bytes of
length, little-endian, then a msgpack body.
"""

from __future__ import annotations

import struct
from typing import Literal

import msgspec

from membench.units import plural
from membench_backends.embedding.limit.layout import Layout

Operation = Literal["add", "add_batch"]
Arrivals = Literal["constant", "poisson"]
CorpusKind = Literal["benchmark", "turns", "file"]
Precision = Literal["fp32", "int8"]
Embedder = Literal["model", "fixed"]
"""Where vectors come from: the embedding model, or a table of ready ones, so that all else can be measured."""


class Corpus(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the texts come from."""

    kind: CorpusKind
    path: str | None = None
    """For `file`: .txt (a text a line), .jsonl (field `text`) or .csv (the column below)."""
    column: str = "text"


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """What the clients of a run do, and how it ends: after `items` memories or after `duration_s` seconds."""

    operation: Operation
    corpus: Corpus
    clients: int
    items: int | None = None
    duration_s: float | None = None
    batch_size: int = 1
    """Memories an operation carries: above 1 only for `add_batch`."""
    warmup_items: int = 0
    """Memories added before the clock starts; they are not in any figure."""
    repeats: int = 1
    target_operations_per_s: float | None = None
    """Operations asked for a second, all clients together: an open loop. None is a closed loop."""
    arrivals: Arrivals = "poisson"
    seed: int = 1


class RunSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One run: everything its process needs to know."""

    run_id: str
    plan_id: str
    scenario: str
    workload: Workload
    backend: str
    strategy: str | None
    """None where no model embeds."""
    strategy_options: dict[str, int | float | bool | str | None]
    store: str | None
    """None for a backend that does not store."""
    model: str
    """A FastEmbed model name, or a folder with the model's files."""
    precision: Precision = "fp32"
    embedder: Embedder | None = "model"
    """None for a backend that does not embed."""
    threads: int | None = None
    """Intra-op threads of one session; None is the library's default."""
    metering: bool = True
    """Meter every Python lock of the backend, and its sleeps."""

    def title(self) -> str:
        """The run in a few words, for lists and progress."""
        how = (self.strategy, embedding_note(self.precision, self.embedder), self.store)
        return run_title(self.scenario, self.backend, *how, clients=self.workload.clients)


def run_title(scenario: str, backend: str, *how: str | None, clients: int) -> str:
    """`concurrent-add · agentmem · mutex · local · 20 clients`; what does not apply is left out."""
    return " · ".join(part for part in (scenario, backend, *how, plural(clients, "client")) if part)


def embedding_note(precision: str | None, embedder: str | None) -> str | None:
    """What is unusual about the way a run embeds, in a word or two; None if nothing is."""
    if embedder == "fixed":
        return "fixed embedder"
    return precision if precision != "fp32" else None


class Loading(msgspec.Struct, frozen=True, tag=True):
    """The runner is getting ready: `stage` says at what."""

    stage: str


class WarmingUp(msgspec.Struct, frozen=True, tag=True):
    """The warm-up of `items` memories has begun."""

    items: int


class Started(msgspec.Struct, frozen=True, tag=True):
    """The model is loaded and the clients are at the barrier: facts that only the runner can find out."""

    weights: Literal["real", "twin"] | None
    """None where no model embeds."""
    threads: int | None
    """Intra-op threads that `auto` stands for."""
    dimensions: int
    environment: dict[str, str]
    precision_cosine: float | None = None
    """Mean cosine of int8 vectors with those of fp32; None for fp32, and for a twin, of which it would say nothing."""


class LockUse(msgspec.Struct, frozen=True):
    """What the locks made at one line of code were used for."""

    site: str
    """`mem0/memory/storage.py:15`."""
    name: str
    """What the lock is called there; empty if that cannot be seen."""
    acquisitions: int
    contended: int
    """Acquisitions that had to wait."""
    wait_s: float
    """All waiters together."""
    hold_s: float
    longest_wait_ms: float
    longest_queue: int
    """Most threads that waited for one of them at the same time."""


class TimerUse(msgspec.Struct, frozen=True):
    """What was slept at one line of code, by threads that are no clients: sleeps, and waits that ran out."""

    site: str
    sleeps: int
    slept_s: float


class TimeSplit(msgspec.Struct, frozen=True):
    """Where the time of all clients together went, in seconds. None: it cannot be told here."""

    wall_s: float
    cpu_s: float
    runqueue_s: float | None
    """Ready to run, with no CPU free."""
    lock_s: float | None
    result_s: float | None
    """Waiting for a queue, a future, an event."""
    idle_s: float
    """In an open loop: until the next operation fell due."""
    switches: int | None
    """Times a client was given a CPU."""


class Contention(msgspec.Struct, frozen=True, kw_only=True):
    """What the runs's threads did since the repeat began."""

    time: TimeSplit | None
    locks: tuple[LockUse, ...]
    """The most waited for first; empty when locks are not metered."""
    timers: tuple[TimerUse, ...]
    """The longest first."""
    stage_ms: dict[str, tuple[float, float]]
    """Mean and 99th percentile of each stage, in milliseconds."""
    gauges: dict[str, tuple[float, float]]
    """Mean and 99th percentile of each gauge, such as `queue_depth`."""
    gil_busy: float | None
    """Share of moments at which the interpreter's lock was taken."""
    cores_used: float
    """Cores that this process kept busy, on average."""
    client_load: float | None
    """Clients that ran or wanted to run, on average."""
    worker_load: float | None
    """Threads of the process that are no clients, and ran or wanted to, on average."""


class Tick(msgspec.Struct, frozen=True, tag=True):
    """What happened since the tick before. Adding up all ticks of a repeat gives the whole repeat."""

    repeat: int
    elapsed_s: float
    """From the repeat's start to the end of this tick."""
    duration_s: float
    operations: int
    """Calls that returned."""
    items: int
    """Memories those calls acknowledged."""
    errors: dict[str, int]
    """Calls that raised, by kind of exception."""
    latency_ns: tuple[int, ...]
    """Latencies of the calls that returned, to three significant digits, ascending; with `latency_counts`."""
    latency_counts: tuple[int, ...]
    cpu_percent_per_core: tuple[float, ...]
    """Of the whole machine, 0 to 100 each."""
    rss_mb: float
    """Peak resident memory of the runner so far."""
    client_items: tuple[int, ...]
    """Memories acknowledged by each client."""
    client_longest_ns: tuple[int, ...] = ()
    """The longest latency of each client."""
    contention: Contention | None = None
    """Since the repeat began, not since the tick before; not with every tick."""


class RepeatEnded(msgspec.Struct, frozen=True, tag=True):
    """All clients are done with one repeat."""

    repeat: int
    wall_s: float
    """From the barrier to the end of the last operation."""
    operations: int
    items: int


class Auditing(msgspec.Struct, frozen=True, tag=True):
    """The clients are done; the store is being read back."""


class Audit(msgspec.Struct, frozen=True):
    """What the store holds, against what was acknowledged. Counts are memories; None is not known."""

    acknowledged: int
    stored: int | None
    lost: int | None
    duplicated: int | None
    corrupted: int | None
    problem: str | None = None
    """In words, when the store could not be read or is not what it should be."""


class Finished(msgspec.Struct, frozen=True, tag=True):
    """The run is complete. `audit` is None for a backend that keeps nothing."""

    audit: Audit | None


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The runner could not go on; `error` is one line for a person, the log has the traceback."""

    error: str


class LimitSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The limit that is to be found."""

    model: str
    precision: Precision
    corpus: Corpus
    texts: int
    """In the sample."""
    passes: int
    """Of each finalist over the whole sample."""
    seed: int = 1


class LimitTried(msgspec.Struct, frozen=True, tag=True):
    """One layout has been tried over the sample."""

    layout: Layout
    texts_per_s: float
    """Texts a second."""
    done: int
    """Passes over the sample so far."""
    total: int
    """Passes that there will be at most."""


class LimitFound(msgspec.Struct, frozen=True, tag=True):
    """The best offline rate, and what arithmetic alone would allow."""

    texts_per_s: float
    """Texts a second, from text to vector: the median over passes."""
    passes_texts_per_s: tuple[float, ...]
    layout: Layout
    texts: int
    """In the sample."""
    tokens_mean: float
    padding_factor: float
    """Tokens computed for one token of text."""
    peak_gflop_per_s: float
    """The best rate of a large matrix product in this precision, all cores; 10^9 operations, a multiply-add is two."""
    gflop_per_text: float | None
    """The mean over the sample, from the architecture; None where that is not known."""

    @property
    def ceiling_texts_per_s(self) -> float | None:
        """Texts a second if every core did nothing but multiply."""
        return self.peak_gflop_per_s / self.gflop_per_text if self.gflop_per_text else None


class Progress(msgspec.Struct, frozen=True, tag=True):
    """How far a download of weights has come, in bytes; `total` is 0 until it is known."""

    done: int
    total: int


class Prepared(msgspec.Struct, frozen=True, tag=True):
    """A model's weights are on disk."""

    weights: Literal["real", "twin"]
    folder: str


Message = (
    Loading
    | WarmingUp
    | Started
    | Tick
    | RepeatEnded
    | Auditing
    | Finished
    | Failed
    | Progress
    | Prepared
    | LimitTried
    | LimitFound
)

_LENGTH = struct.Struct("<I")
_decode_message = msgspec.msgpack.Decoder(Message).decode
_decode_spec = msgspec.msgpack.Decoder(RunSpec).decode
_encode = msgspec.msgpack.Encoder().encode


def frame(body: Message | RunSpec) -> bytes:
    """Encode a message as one frame."""
    encoded = _encode(body)
    return _LENGTH.pack(len(encoded)) + encoded


def decode_spec(data: bytes) -> RunSpec:
    """The RunSpec in a frame's body."""
    return _decode_spec(data)


class Frames:
    """Cuts a stream of bytes into the bodies of its frames, however the bytes arrive."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Add bytes; get the bodies that are now complete, oldest first."""
        self._buffer += data
        bodies = []
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                break
            bodies.append(bytes(self._buffer[_LENGTH.size : end]))
            del self._buffer[:end]
        return bodies


def decode_message(data: bytes) -> Message:
    """The message in a frame's body.

    Raises:
        msgspec.DecodeError: The bytes are no message.
    """
    message: Message = _decode_message(data)
    return message


def merge(first: Tick, second: Tick) -> Tick:
    """One tick that says what two consecutive ticks of the same repeat said."""
    counts = dict(zip(first.latency_ns, first.latency_counts, strict=True))
    for value, count in zip(second.latency_ns, second.latency_counts, strict=True):
        counts[value] = counts.get(value, 0) + count
    errors = dict(first.errors)
    for kind, count in second.errors.items():
        errors[kind] = errors.get(kind, 0) + count
    values = sorted(counts)
    duration_s = first.duration_s + second.duration_s
    weight = first.duration_s / duration_s if duration_s else 0.5
    return Tick(
        repeat=second.repeat,
        elapsed_s=second.elapsed_s,
        duration_s=duration_s,
        operations=first.operations + second.operations,
        items=first.items + second.items,
        errors=errors,
        latency_ns=tuple(values),
        latency_counts=tuple(counts[value] for value in values),
        cpu_percent_per_core=tuple(
            weight * before + (1 - weight) * after
            for before, after in zip(first.cpu_percent_per_core, second.cpu_percent_per_core, strict=True)
        ),
        rss_mb=max(first.rss_mb, second.rss_mb),
        client_items=tuple(a + b for a, b in zip(first.client_items, second.client_items, strict=True)),
        client_longest_ns=tuple(map(max, zip(first.client_longest_ns, second.client_longest_ns, strict=True))),
        contention=second.contention or first.contention,
    )
