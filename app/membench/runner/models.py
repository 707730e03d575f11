"""The process that prepares a model: builds its speed twin, or downloads its real weights.

python -m membench.runner.models FOLDER (twin | pull) MODEL
"""

from __future__ import annotations

import sys
from pathlib import Path

from membench.messages.preparation import Prepared, Progress
from membench.messages.run import Loading
from membench.runner.channel import Channel
from membench.runner.child import prepare_environment, run_process, watch_console
from membench_backends.base import UnavailableError
from membench_backends.embedding.models.architecture import TWINS
from membench_backends.embedding.models.cache import twin_of, twins_folder


def prepare_model(channel: Channel, folder: Path) -> None:
    """Do what the arguments specify, and report the result to the console."""
    action, model = sys.argv[2:]
    watch_console(folder)
    prepare_environment(folder, offline=action != "pull")
    if action == "pull":
        channel.send(Prepared(weights="real", folder=str(_pull(model, channel))))
    else:
        channel.send(Prepared(weights="twin", folder=str(_build_twin(model, channel))))


def _pull(model: str, channel: Channel) -> Path:
    from membench_backends.embedding.models.pull import pull_model

    return pull_model(model, lambda done, total: channel.send(Progress(done=done, total=total)))


def _build_twin(model: str, channel: Channel) -> Path:
    architecture = twin_of(model)
    if architecture is None:
        raise UnavailableError(f"{model} has no speed twin; speed twins exist for {', '.join(TWINS)}")
    from membench_backends.embedding.models.twin import build_twin

    channel.send(Loading(stage=f"building the speed twin of {model}"))
    return build_twin(architecture, twins_folder())


if __name__ == "__main__":
    run_process(prepare_model)
