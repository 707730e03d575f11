"""The entry of the process that prepares a model: builds its twin, or fetches its real weights.

python -m membench.runner.models FOLDER (twin | pull) MODEL
"""

from __future__ import annotations

import sys
from pathlib import Path

from membench.messages.run import Loading, Prepared, Progress
from membench.runner.channel import Channel
from membench.runner.child import leave, prepare_environment, report_to_console, watch_console
from membench_backends.base import UnavailableError
from membench_backends.embedding.models.architecture import TWINS
from membench_backends.embedding.models.cache import twin_of, twins_folder


def main() -> None:
    """Do what the arguments ask for, and report to the console."""
    folder, action, model = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    with report_to_console(folder) as channel:
        watch_console(folder)
        prepare_environment(folder, offline=action != "pull")
        if action == "pull":
            from membench_backends.embedding.models.pull import pull_model

            weights = pull_model(model, lambda done, total: channel.send(Progress(done=done, total=total)))
            channel.send(Prepared(weights="real", folder=str(weights)))
        else:
            channel.send(Prepared(weights="twin", folder=str(_twin(model, channel))))


def _twin(model: str, channel: Channel) -> Path:
    architecture = twin_of(model)
    if architecture is None:
        raise UnavailableError(f"{model} has no speed twin; there is one of {', '.join(TWINS)}")
    from membench_backends.embedding.models.twin import build_twin

    channel.send(Loading(stage=f"building the speed twin of {model}"))
    return build_twin(architecture, twins_folder())


if __name__ == "__main__":
    main()
    leave()
