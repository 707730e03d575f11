"""`membench-tui limit`: the best embedding rate of this machine, measured."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from membench.cli.console import Exit, print_error, print_result, print_status
from membench.cli.options import WholeNumber, declared_option
from membench.cli.process import wait_for_result
from membench.cli.progress import limit_progress
from membench.cli.tables import PlainTable, print_table
from membench.files import FileError
from membench.messages.preparation import LimitFound, LimitSpec
from membench.results.limits import Limit, UnreadableLimit, limit_key, save_limit, saved_limits
from membench.session.process import MeasuredProcess
from membench.spec.corpus import CorpusError, corpus_extent, parse_corpus
from membench.spec.options import Precision
from membench.spec.run import Corpus
from membench.units import abbreviate_home, format_rate, format_rates, format_share, plural
from membench_backends.embedding.models.cache import weights_on_disk

TEXTS, PASSES = 512, 5


@click.command()
@declared_option("model")
@declared_option("precisions", name="precision", several=False, default="fp32")
@declared_option("corpus", default="turns")
@declared_option("corpus_column", default="text")
@declared_option("seed", default=1)
@click.option("--texts", type=WholeNumber(1, 100_000), metavar="N", default=TEXTS, show_default=True,
              help="Texts in the sample.")  # fmt: skip
@click.option("--passes", type=WholeNumber(1, 100), metavar="N", default=PASSES, show_default=True,
              help="Passes of each of the three best layouts over the sample. The rate is their median.")  # fmt: skip
@click.option("--list", "lists", is_flag=True, help="Measure nothing, and list what is stored.")
def limit(
    model: str, precision: Precision, corpus: str, corpus_column: str, seed: int, texts: int, passes: int, lists: bool
) -> int:
    """Find the best embedding rate of this machine.

    It is reached offline, where all texts are known in advance. It is stored, and later runs under the same conditions
    show their share of it: model, precision, corpus, seed, versions, processor and cores.
    """
    if lists:
        return _list_limits()
    spec = LimitSpec(
        model=model,
        precision=precision,
        corpus=_checked_corpus(corpus, corpus_column),
        texts=texts,
        passes=passes,
        seed=seed,
    )
    weights = weights_on_disk(model)
    if weights.weights is None:
        raise click.UsageError(f"--model {model}: {weights.note}")
    arguments = (msgspec.json.encode(spec).decode(),)
    with limit_progress() as show:
        result = wait_for_result(
            lambda: MeasuredProcess("membench.runner.limit", "limit", arguments=arguments), LimitFound, show
        )
    if result is None:
        return Exit.FAILED
    _store(spec, result)
    return Exit.SUCCESS


def limit_text(limit: Limit) -> Iterator[str]:
    """Yield the rate, the layout that reached it, and its share of the arithmetic ceiling: a line each."""
    result, layout = limit.found, limit.found.layout
    passes = result.passes_texts_per_s
    yield (
        f"{format_rate(limit.texts_per_s)} texts/s is the best rate found for {_name(limit)} "
        f"({format_rates(min(passes), max(passes))} in {plural(len(passes), 'pass', 'passes')} over "
        f"{result.texts:,} texts, {result.tokens_mean:.1f} tokens on average)"
    )
    yield (
        f"reached with {plural(layout.batchers, 'batcher')} on {plural(layout.sessions, 'session')} of "
        f"{plural(layout.threads, 'thread')}, sorted by length, {layout.token_budget} tokens per batch, "
        f"{format_share(result.padding_factor - 1)} padding"
    )
    if result.gflop_per_text is None or result.ceiling_texts_per_s is None:
        yield "the arithmetic ceiling is unknown, because the architecture of the model is"
        return
    yield (
        f"{format_share(limit.texts_per_s / result.ceiling_texts_per_s)} of the arithmetic ceiling of "
        f"{format_rate(result.ceiling_texts_per_s)} texts/s: {result.gflop_per_text:.3f} GFLOP per text at "
        f"{format_rate(result.peak_gflop_per_s)} GFLOP/s, the best rate of a large matrix product"
    )


def _checked_corpus(corpus: str, corpus_column: str) -> Corpus:
    try:
        parsed = parse_corpus(corpus, corpus_column)
        if parsed.kind == "file":
            corpus_extent(parsed)
    except (ValueError, CorpusError) as error:
        raise click.UsageError(f"--corpus: {str(error).removeprefix('corpus: ')}") from error
    return parsed


def _store(spec: LimitSpec, result: LimitFound) -> None:
    """Print a limit and store it."""
    key = limit_key(spec.model, spec.precision, spec.corpus, spec.seed)
    if key is None:
        print_error("the model or the corpus was removed while it was measured, so nothing is stored")
        return
    limit = Limit(
        key=key,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        found=result,
    )
    for line in limit_text(limit):
        print_result(line)
    try:
        print_status(f"stored in {abbreviate_home(save_limit(limit))}")
    except FileError as error:
        print_error(f"the rate cannot be stored, so no run shows its share of it: {error}")


def _list_limits() -> int:
    """Print the limits that apply to this machine as it is now, and why the others do not."""
    stored = list(saved_limits())
    obstacles = [(limit, limit.obstacles()) for limit in stored if isinstance(limit, Limit)]
    numbers = ("texts/s", "of the ceiling", "batchers", "threads", "tokens per batch")
    table = PlainTable("model", "weights", "precision", "corpus", *numbers, "measured", numbers=numbers)
    for limit, reasons in obstacles:
        if not reasons:
            table.add_row(*_cells(limit))
    if table.rows:
        print_table(table)
    else:
        print_status("No limit is stored for this machine as it is now. 'membench-tui limit' measures one.")
    for limit, reasons in obstacles:
        if reasons:
            print_result(
                f"does not apply: {format_rate(limit.texts_per_s)} texts/s, {_name(limit)}: {'; '.join(reasons)}"
            )
    for unreadable in stored:
        if isinstance(unreadable, UnreadableLimit):
            path = abbreviate_home(unreadable.path)
            print_status(f"! {path}: is damaged or of another version, and ignored; delete it and measure again")
    return Exit.SUCCESS


def _name(limit: Limit) -> str:
    key = limit.key
    return f"{Path(key.model).name}, {key.weights} weights, {key.precision}, {key.corpus_name}"


def _cells(limit: Limit) -> tuple[str, ...]:
    """Return what the list shows of a limit, without whether it applies."""
    key, ceiling, layout = limit.key, limit.found.ceiling_texts_per_s, limit.found.layout
    return (
        key.model,
        key.weights,
        key.precision,
        key.corpus_name,
        format_rate(limit.texts_per_s),
        format_share(limit.texts_per_s / ceiling) if ceiling else "–",
        str(layout.batchers),
        str(layout.threads),
        str(layout.token_budget),
        limit.measured_at,
    )
