"""What all processes started by the console share: the channel, the environment, and how they end."""

from __future__ import annotations

import ctypes
import logging
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from membench.messages.run import Failed
from membench.runner.channel import Channel
from membench.spec.corpus import CorpusError
from membench.text import error_line, one_line
from membench_backends.base import UnavailableError
from membench_backends.embedding.models.cache import fastembed_cache
from membench_backends.privacy import turn_off_telemetry

PR_SET_PDEATHSIG = 1
"""Of `prctl(2)`."""


def run_process(work: Callable[[Channel, Path], None]) -> NoReturn:
    """Run `work`, report a failure of it to the console, and end the process.

    The exit code is 0 even if `work` fails, because the console learns of the failure from a message.

    Args:
        work: Called with the channel to the console and the process's own folder, the first command-line argument.
    """
    _end_with_parent()
    folder = Path(sys.argv[1])
    with _console_channel(folder) as channel:
        work(channel, folder)
    logging.shutdown()
    sys.stderr.flush()
    os._exit(0)  # without waiting for threads that a library left running


def _end_with_parent() -> None:
    """Let the system end this process when its supervisor ends. Linux only."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it ended before this call
            os._exit(1)


@contextmanager
def _console_channel(folder: Path) -> Iterator[Channel]:
    """Open a channel on standard output, and redirect all other output to standard error, the log.

    An exception is reported to the console as one line; the log gets the traceback.

    Args:
        folder: The process's own folder, removed if the console has gone.
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
        channel.send(Failed(error=one_line(str(error))))
    except Exception as error:
        logging.exception("the process failed")
        channel.send(Failed(error=error_line(error)))


def watch_console(folder: Path) -> None:
    """End this process as soon as the console has gone, for whatever reason, also where its supervisor has gone too.

    The console keeps its end of our standard input open, so end of file there means that the console has ended.
    """

    def watch() -> None:
        while os.read(0, 1):
            pass
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)

    threading.Thread(target=watch, name="console-watch", daemon=True).start()


def prepare_environment(folder: Path, offline: bool = True) -> None:
    """Keep the libraries off the network and inside the process's own folder. Call this before importing them.

    Args:
        folder: The process's own folder.
        offline: False lets Hugging Face Hub download files.
    """
    turn_off_telemetry()
    os.environ |= {
        "MEM0_DIR": str(folder / "mem0"),  # Mem0 writes its configuration here, not into the home folder
        "TOKENIZERS_PARALLELISM": "false",  # text is tokenized in the calling thread, not in a pool
    }
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # Hugging Face Hub reads its cache only
        if not fastembed_cache().exists():  # FastEmbed would create its cache, empty
            os.environ["FASTEMBED_CACHE_PATH"] = str(folder / "fastembed")
    else:
        os.environ.pop("HF_HUB_OFFLINE", None)
