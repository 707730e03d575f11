"""The process that finds the limit: searches for the best offline rate, and measures the cores' arithmetic.

python -m membench.runner.limit FOLDER LIMIT_SPEC_AS_JSON
"""

from __future__ import annotations

import statistics
import sys
from itertools import islice
from pathlib import Path

import msgspec

from membench.messages.preparation import LimitFound, LimitSpec, LimitTried
from membench.messages.run import Loading
from membench.runner.channel import Channel
from membench.runner.child import prepare_environment, run_process, watch_console
from membench.spec.corpus import Texts


def find_limit(channel: Channel, folder: Path) -> None:
    """Find the limit that the arguments specify, and report it to the console."""
    spec = msgspec.json.decode(sys.argv[2], type=LimitSpec)
    watch_console(folder)
    prepare_environment(folder)
    channel.send(_search(spec, channel))


def _search(spec: LimitSpec, channel: Channel) -> LimitFound:
    from membench_backends.cores import usable_cores
    from membench_backends.embedding.engines.onnxruntime import FastEmbedModel, load_model
    from membench_backends.embedding.limit.offline import OfflineSearch, Pass
    from membench_backends.embedding.limit.peak import peak_gflop_per_s
    from membench_backends.embedding.models.cache import twin_of

    def load(threads: int | None = None) -> FastEmbedModel:
        return load_model(spec.model, threads, lambda stage: channel.send(Loading(stage=stage)), spec.precision)

    texts = list(islice(Texts(spec.corpus, spec.seed).of_client(0, 1), spec.texts))
    search = OfflineSearch(load, usable_cores(), texts, spec.passes)
    done = 0

    def report(result: Pass) -> None:
        nonlocal done
        done += 1
        channel.send(LimitTried(layout=result.layout, texts_per_s=result.texts_per_s, done=done, total=search.total))

    best = search.run(report)
    channel.send(Loading(stage="measuring the peak rate of matrix products"))
    architecture = twin_of(spec.model)
    return LimitFound(
        texts_per_s=best.texts_per_s,
        passes_texts_per_s=best.passes_texts_per_s,
        layout=best.layout,
        texts=len(texts),
        tokens_mean=statistics.mean(best.tokens),
        padding_factor=best.padding_factor,
        peak_gflop_per_s=peak_gflop_per_s(spec.precision, usable_cores()),
        gflop_per_text=statistics.mean(map(architecture.flop, best.tokens)) / 1e9 if architecture else None,
    )


if __name__ == "__main__":
    run_process(find_limit)
