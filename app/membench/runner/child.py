"""What every process started by the console does first and last, whatever it does in between."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from membench.messages.run import Failed
from membench.runner.channel import Channel
from membench.spec.corpus import CorpusError
from membench_backends.base import UnavailableError, in_one_line


@contextmanager
def report_to_console(folder: Path) -> Iterator[Channel]:
    """A channel on standard output, which from now on is the log for everybody else.

    An exception inside becomes one line for the console; the log gets the traceback.

    Args:
        folder: The process's own folder, removed if the console dies.
    """
    channel = Channel(os.dup(1))
    os.dup2(2, 1)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    try:
        yield channel
    except BrokenPipeError:
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)
    except (UnavailableError, CorpusError) as error:
        channel.send(Failed(error=str(error)))
    except Exception as error:
        logging.exception("the process failed")
        channel.send(Failed(error=in_one_line(error)))


def watch_console(folder: Path) -> None:
    """End this process when the console is gone, however it went: its end of our standard input closes with it."""

    def watch() -> None:
        while os.read(0, 1):
            pass
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)

    threading.Thread(target=watch, name="console-watch", daemon=True).start()


def prepare_environment(folder: Path, offline: bool = True) -> None:
    """Keep the libraries off the network and in the process's own folder; they read this when they are imported."""
    os.environ |= {
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "MEM0_TELEMETRY": "False",
        "MEM0_DIR": str(folder / "mem0"),
        "TOKENIZERS_PARALLELISM": "false",
    }
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    else:
        os.environ.pop("HF_HUB_OFFLINE", None)


def leave() -> None:
    """End the process: all has been said and closed, so wait for no thread that a library forgot."""
    logging.shutdown()
    sys.stderr.flush()
    os._exit(0)
