"""`membench-tui models`: the model weights on this machine."""

from __future__ import annotations

from typing import Literal

import click

from membench.cli.console import Exit, print_result
from membench.cli.groups import SuggestingGroup
from membench.cli.options import declared_option
from membench.cli.process import wait_for_result
from membench.cli.progress import model_progress
from membench.cli.tables import PlainTable, print_table
from membench.machine.models import model_rows
from membench.messages.preparation import Prepared
from membench.session.process import MeasuredProcess


@click.group(invoke_without_command=True, cls=SuggestingGroup)
@click.pass_context
def models(context: click.Context) -> int:
    """List the model weights on this machine.

    The commands build or download weights.
    """
    if context.invoked_subcommand is None:
        table = PlainTable("model", "weights", "where")
        for row in model_rows():
            table.add_row(*row)
        print_table(table)
    return Exit.SUCCESS


@models.command()
@declared_option("model")
def twin(model: str) -> int:
    """Build the speed twin of a model.

    A speed twin has the exact architecture of the model, and random weights.
    """
    return _prepare("twin", model)


@models.command()
@declared_option("model")
def pull(model: str) -> int:
    """Download the real weights of a model into FastEmbed's cache.

    No other command uses the network.
    """
    return _prepare("pull", model)


def _prepare(action: Literal["twin", "pull"], model: str) -> int:
    with model_progress(model) as show:
        prepared = wait_for_result(
            lambda: MeasuredProcess("membench.runner.models", f"models-{action}", arguments=(action, model)),
            Prepared,
            show,
        )
    if prepared is None:
        return Exit.FAILED
    print_result(f"{prepared.weights} weights of {model}: {prepared.folder}")
    return Exit.SUCCESS
