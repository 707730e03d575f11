"""Kills at every moment: no finished run is lost, and no process and no folder stays behind.

python benchmarks/faults/kills.py [--cases 100] [--seed 1]

Each case runs a plan of a quick run and a long one whose backend forks, leaves its session and hangs, and kills one
process with SIGKILL at some moment: the console, the supervisor, the measured process, or several at once. The console
then ends with exit code 1, or was the one killed; whatever it had reported as finished is in the history; and after the
next start, no process and no folder is left. About 8 minutes on 2 cores.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.campaign import Outcome, campaign
from faults.sandbox import PATIENCE_S, Sandbox

BACKEND = '''\
"""A backend that starts a process which outlives it, if nobody ends it."""
import os, threading, time
from membench_backends.base import BackendInfo, Capabilities

class Daemon:
    def __init__(self, parts):
        self._lock, self._calls = threading.Lock(), 0
    def add(self, text, user_id):
        with self._lock:
            self._calls += 1
            if self._calls == 30 and os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    while True:
                        time.sleep(60)
                os._exit(0)
        time.sleep(0.002)
    def add_batch(self, texts, user_id):
        for text in texts:
            self.add(text, user_id)
    def stored(self):
        return iter(())
    def close(self):
        pass

INFO = BackendInfo("daemon", "Starts a daemon.", Capabilities(embeds=False, stores=False, batch_call=True), Daemon)
'''
ENTRY_POINT = "[membench.backends]\ndaemon = daemon_backend:INFO\n"
TARGETS = (("console",), ("supervisor",), ("runner",), ("console", "runner"), ("console", "supervisor", "runner"))
LEFT_S = 2.0
"""How long processes may stay after the console was killed."""


def install(folder: Path) -> None:
    """Install the backend as a plug-in of a distribution in a folder."""
    information = folder / "daemon-1.0.dist-info"
    information.mkdir(parents=True)
    (folder / "daemon_backend.py").write_text(BACKEND)
    (information / "entry_points.txt").write_text(ENTRY_POINT)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: daemon\nVersion: 1.0\n")


def kill_one(generator: random.Random, plugins: Path) -> Outcome:
    """Kill processes of one plan at some moment, and return what that led to."""
    targets, delay_s = generator.choice(TARGETS), generator.uniform(0.1, 3.5)
    with Sandbox(PYTHONPATH=str(plugins)) as sandbox:
        command = ["run", "store-only", "--backend", "null,daemon", "--duration", "20s", "--clients", "2"]
        errors = sandbox.root / "err"
        with errors.open("wb") as err:
            console = sandbox.start(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err)
        time.sleep(delay_s)
        killed = _kill(console, targets)
        if "console" not in killed:
            time.sleep(1.0)
            console.terminate()  # otherwise the plan would go on to its end
        code = console.wait(PATIENCE_S)
        text = errors.read_text()
        problem = _what_is_left(sandbox, LEFT_S if "supervisor" not in killed or "console" not in killed else 0)
        history = sandbox.run(["history"])  # the next start: it removes what was left
        problem = problem or _what_is_left(sandbox, LEFT_S)
        finished = text.count("✓ ")
        if history.stdout.decode().count("✓") < finished:
            problem = problem or f"{finished} runs finished, the history has {history.stdout.decode()!r}"
        # A killed console has no exit code of its own; any other ends on the request.
        expected = code in ((-9,) if "console" in killed else (1, 130))
        return Outcome(f"{'+'.join(killed)} after {delay_s:.2f} s", 0 if expected else code, text, problem)


def _kill(console: subprocess.Popen[bytes], targets: tuple[str, ...]) -> list[str]:
    """Kill the processes that exist, and return their roles."""
    processes = {"console": psutil.Process(console.pid)}
    for child in processes["console"].children():
        processes["supervisor"] = child
        if runners := child.children():
            processes["runner"] = runners[0]
    killed = [role for role in targets if role in processes]
    for role in killed:
        processes[role].kill()
    return killed


def _what_is_left(sandbox: Sandbox, within_s: float) -> str:
    """Return the processes and folders that are left after some time; nothing for 0 seconds."""
    until = time.monotonic() + within_s
    left: list[object] = []
    while within_s and (left := [*sandbox.processes(), *sandbox.leftovers()]) and time.monotonic() < until:
        time.sleep(0.05)
    return ", ".join(map(str, left))


def cases(generator: random.Random, count: int) -> Iterator[Outcome]:
    """Yield the outcome of each case."""
    with Sandbox() as installed:
        plugins = installed.root / "plugins"
        install(plugins)
        for _ in range(count):
            yield kill_one(generator, plugins)


if __name__ == "__main__":
    campaign(__doc__ or "", 100, cases)
