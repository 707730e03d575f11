"""`membench-tui limit`: how fast this machine could embed at best, measured."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from membench.cli.console import Exit, complain, give, give_table, plain_table, say
from membench.messages.run import Precision

if TYPE_CHECKING:
    from membench.messages.run import Corpus, LimitFound, LimitSpec
    from membench.results.limits import Limit

TEXTS, PASSES = 512, 5


@click.command()
@click.option("--model", metavar="NAME|DIR", default="BAAI/bge-small-en-v1.5", show_default=True,
              help="A FastEmbed model, or a folder with one.")  # fmt: skip
@click.option("--precision", type=click.Choice(get_args(Precision)), default="fp32", show_default=True)
@click.option("--corpus", metavar="NAME|FILE", default="turns", show_default=True,
              help="benchmark, turns, or a file of your texts.")  # fmt: skip
@click.option("--corpus-column", metavar="NAME", default="text", help="The column of a .csv corpus.  [default: text]")
@click.option("--texts", type=click.IntRange(1, 100_000), default=TEXTS, show_default=True, help="In the sample.")
@click.option("--passes", type=click.IntRange(1, 100), default=PASSES, show_default=True,
              help="Of the best three layouts over the sample; their median counts.")  # fmt: skip
@click.option("--kept", is_flag=True, help="Measure nothing: list the limits that are kept.")
def limit(
    model: str, precision: Precision, corpus: str, corpus_column: str, texts: int, passes: int, kept: bool
) -> int:
    """Find the best embedding rate of this machine, when all texts are known beforehand.

    The limit is kept, and from then on every run with the same model, precision and corpus is held against it.
    """
    from membench.messages.run import LimitSpec
    from membench.spec.corpus import CorpusError, parse_corpus, read_corpus
    from membench_backends.embedding.models.cache import weights_on_disk

    if kept:
        return _list()
    found = weights_on_disk(model)
    if found.weights is None:
        raise click.UsageError(f"--model {model}: {found.note}")
    try:
        texts_of = parse_corpus(corpus, corpus_column)
        if texts_of.kind == "file":
            read_corpus(texts_of)
    except (ValueError, CorpusError) as error:
        raise click.UsageError(f"--corpus: {str(error).removeprefix('corpus: ')}") from error
    best = _search(LimitSpec(model=model, precision=precision, corpus=texts_of, texts=texts, passes=passes))
    if best is None:
        return Exit.FAILED
    _keep(model, precision, texts_of, best)
    return Exit.DONE


def _search(spec: LimitSpec) -> LimitFound | None:
    """Have a process of its own search; None, with a word why, when it finds nothing."""
    import msgspec

    from membench.cli.console import searching
    from membench.messages.run import Failed, LimitFound
    from membench.session.process import MeasuredProcess

    process = MeasuredProcess("membench.runner.limit", "limit", arguments=(msgspec.json.encode(spec).decode(),))
    try:
        with searching() as show:
            for message in process.messages():
                if isinstance(message, LimitFound):
                    return message
                if isinstance(message, Failed):
                    complain(message.error)
                    return None
                show(message)
    finally:
        process.end()
    complain(process.death())
    return None


def _keep(model: str, precision: Precision, corpus: Corpus, found: LimitFound) -> None:
    from membench.results.limits import Limit, corpus_name, keep_limit, machine
    from membench.units import from_home
    from membench_backends.embedding.models.cache import weights_on_disk

    weights = weights_on_disk(model).weights
    assert weights is not None, "its limit has just been measured"
    limit = Limit(
        machine=machine(),
        model=model,
        weights=weights,
        precision=precision,
        corpus=corpus_name(corpus),
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        found=found,
    )
    for line in limit_in_words(limit):
        give(line)
    try:
        say(f"kept in {from_home(keep_limit(model, precision, corpus, limit))}")
    except OSError as error:
        complain(f"the limit cannot be kept: {error.filename}: {error.strerror}; runs will not be held against it")


def limit_in_words(limit: Limit) -> list[str]:
    """What was found, and what arithmetic alone would allow: a line each."""
    from membench.units import format_rate, format_share, plural

    found, layout = limit.found, limit.found.layout
    passes = found.passes_texts_per_s
    name = f"{Path(limit.model).name}, {limit.weights} weights, {limit.precision}, {limit.corpus}"
    lines = [
        f"{format_rate(limit.texts_per_s)} texts/s is the limit of {name} "
        f"({format_rate(min(passes))} to {format_rate(max(passes))} in {plural(len(passes), 'pass', 'passes')} over "
        f"{found.texts:,} texts, {found.tokens_mean:.1f} tokens on average)",
        f"reached with {plural(layout.batchers, 'batcher')} on {plural(layout.sessions, 'session')} of "
        f"{plural(layout.threads, 'thread')}, sorted by length, {layout.token_budget} tokens a batch, "
        f"{found.padding_factor - 1:.1%} padding",
    ]
    if found.gflop_per_text is None or found.ceiling_texts_per_s is None:
        return [*lines, "its arithmetic ceiling is not known: the architecture of this model is not"]
    return [
        *lines,
        f"{format_share(limit.texts_per_s / found.ceiling_texts_per_s)} of the arithmetic ceiling, "
        f"{format_rate(found.ceiling_texts_per_s)} texts/s: {found.gflop_per_text:.3f} GFLOP a text at "
        f"{format_rate(found.peak_gflop_per_s)} GFLOP/s, the best of a large matrix product",
    ]


def _list() -> int:
    from membench.results.limits import kept_limits
    from membench.units import format_rate, format_share

    numbers = ("texts/s", "of the ceiling", "batchers", "threads", "tokens a batch")
    table = plain_table("model", "weights", "precision", "corpus", *numbers, "measured", right=numbers)
    for kept in kept_limits():
        ceiling, layout = kept.found.ceiling_texts_per_s, kept.found.layout
        table.add_row(
            kept.model,
            kept.weights,
            kept.precision,
            kept.corpus,
            format_rate(kept.texts_per_s),
            format_share(kept.texts_per_s / ceiling) if ceiling else "–",
            str(layout.batchers),
            str(layout.threads),
            str(layout.token_budget),
            kept.measured_at,
        )
    if not table.rows:
        say("no limit has been measured on this machine as it is now: membench-tui limit")
        return Exit.DONE
    give_table(table)
    return Exit.DONE
