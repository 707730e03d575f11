"""The entry of the measured process: build the backend, warm up, measure, audit, report.

Started by `membench.session` with a `RunSpec` on standard input; messages go to standard output. What the libraries
print goes to standard error, which is the run's log.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from membench.machine.facts import environment
from membench.messages.run import (
    Auditing,
    Finished,
    Frames,
    Loading,
    RepeatEnded,
    RunSpec,
    Started,
    WarmingUp,
    decode_spec,
)
from membench.runner import meters
from membench.runner.audit import Embed, audit
from membench.runner.channel import Channel
from membench.runner.child import leave, prepare_environment, report_to_console, watch_console
from membench.runner.load import Clients
from membench.runner.meters import Meters
from membench.runner.sampler import INTERVAL_NS, Sampler
from membench.spec.corpus import Texts, warmup_texts
from membench_backends.base import (
    BackendInfo,
    MakesVectors,
    MemoryBackend,
    Parts,
    Strategy,
    UnavailableError,
    VectorStore,
)
from membench_backends.registry import backends
from membench_backends.stores.table import STORES

if TYPE_CHECKING:
    from membench_backends.embedding.engines.onnxruntime import FastEmbedModel

DIMENSIONS_WITHOUT_MODEL = 384
"""Length of the vectors where no model is loaded: that of the default model."""


def main() -> None:
    """Run what standard input asks for; the exit code is 0 also for a run that failed in an orderly way."""
    folder = Path(sys.argv[1])
    with report_to_console(folder) as channel:
        prepare_environment(folder)
        spec = _read_spec()
        watch_console(folder)
        if spec.metering:
            meters.install()
        _run(spec, channel, folder)


def _read_spec() -> RunSpec:
    frames = Frames()
    while data := os.read(0, 1 << 16):
        for body in frames.feed(data):
            return decode_spec(body)
    sys.exit(1)


def _run(spec: RunSpec, channel: Channel, folder: Path) -> None:
    info = backends()[spec.backend]
    if info.unavailable:
        raise UnavailableError(info.unavailable)
    model, strategy = _load_embedder(spec, channel)
    channel.send(Loading(stage=f"opening {spec.backend}"))
    store = _open_store(spec, folder)
    dimensions = model.dimensions if model else DIMENSIONS_WITHOUT_MODEL
    backend = _build(info, Parts(strategy=strategy, store=store, dimensions=dimensions, folder=folder))
    texts = Texts(spec.workload.corpus, spec.workload.seed)
    channel.send(
        Started(
            weights=model.weights if model else None,
            threads=model.threads if model else None,
            dimensions=dimensions,
            environment=environment(),
            precision_cosine=model.precision_cosine if model else None,
        )
    )
    warmup = _warm_up(spec, channel, backend)
    clients = Clients(spec.workload, backend, texts)
    for repeat in range(spec.workload.repeats):
        _measure(clients, repeat, spec.metering, channel)
    outcome = None
    if info.capabilities.stores:
        channel.send(Auditing())
        together = model.embed if model and spec.precision != "fp32" else None
        outcome = audit(backend, clients, warmup, _expected_vectors(spec, backend, model, strategy), together)
    channel.send(Finished(audit=outcome))
    for part in (backend, strategy, store):
        if part is not None:
            part.close()


def _load_embedder(spec: RunSpec, channel: Channel) -> tuple[FastEmbedModel | None, Strategy | None]:
    """The strategy with its sessions, and the first of them; neither for a backend that does not embed."""
    if spec.embedder == "fixed":
        from membench_backends.embedding.fixed import FixedEmbedder

        return None, FixedEmbedder(DIMENSIONS_WITHOUT_MODEL)
    if spec.strategy is None:
        return None, None
    from membench_backends.embedding.engines.onnxruntime import load_model
    from membench_backends.embedding.strategies.catalogue import STRATEGIES, parse_options

    sessions: list[FastEmbedModel] = []

    def load(threads: int | None = None) -> FastEmbedModel:
        chosen = spec.threads or threads
        sessions.append(
            load_model(spec.model, chosen, lambda stage: channel.send(Loading(stage=stage)), spec.precision)
        )
        return sessions[-1]

    channel.send(Loading(stage=f"loading {spec.model}"))
    strategy = STRATEGIES[spec.strategy].build(load, parse_options(spec.strategy, spec.strategy_options))
    return sessions[0], strategy


def _open_store(spec: RunSpec, folder: Path) -> VectorStore | None:
    if spec.store is None:
        return None
    return STORES[spec.store].build(folder)


def _build(info: BackendInfo, parts: Parts) -> MemoryBackend:
    try:
        return info.build(parts)
    except ImportError as error:
        raise UnavailableError(f"{info.name} cannot be imported: {error}") from error


def _warm_up(spec: RunSpec, channel: Channel, backend: MemoryBackend) -> list[str]:
    """Let caches fill, pools start and lazy imports happen before the clock does, with as many callers as will run."""
    workload = spec.workload
    texts = warmup_texts(workload.warmup_items)
    if not texts:
        return texts
    channel.send(WarmingUp(items=len(texts)))
    with ThreadPoolExecutor(min(workload.clients, len(texts))) as pool:
        if workload.operation == "add_batch":
            outcomes = [pool.submit(backend.add_batch, texts, "warm-up")]
        else:
            outcomes = [pool.submit(backend.add, text, "warm-up") for text in texts]
    for outcome in outcomes:
        if error := outcome.exception():
            logging.warning("a warm-up operation failed: %r", error)
    return texts


def _measure(clients: Clients, repeat: int, metering: bool, channel: Channel) -> None:
    before = sum(log.acknowledged for log in clients.logs)
    metered = Meters(metering)
    sampler = Sampler(repeat, clients.logs, metered)  # before the clients start, so that nothing they do is missed
    under_way = clients.start(repeat)
    sampler.start(under_way.start_ns)
    next_ns = under_way.start_ns + INTERVAL_NS
    operations = 0
    done = False
    while not done:
        done = under_way.wait(next_ns)
        tick = sampler.tick(time.perf_counter_ns(), last=done)
        operations += tick.operations
        channel.offer(tick)
        next_ns = max(next_ns + INTERVAL_NS, time.perf_counter_ns())
    metered.stop()
    items = sum(log.acknowledged for log in clients.logs) - before
    channel.send(RepeatEnded(repeat=repeat, wall_s=under_way.wall_s, operations=operations, items=items))


def _expected_vectors(
    spec: RunSpec, backend: MemoryBackend, model: FastEmbedModel | None, strategy: Strategy | None
) -> Embed | None:
    """How the audit finds out what vector a text must have: from the model, one text at a time, or from a table."""
    if model is not None:
        return lambda texts: model.embed(texts, batch_size=1)
    if spec.embedder == "fixed" and strategy is not None:
        return strategy.embed_batch
    return backend.vectors if isinstance(backend, MakesVectors) else None


if __name__ == "__main__":
    main()
    leave()
