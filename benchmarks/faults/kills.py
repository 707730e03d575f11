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
sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "app" / "faulty"))

from faults.campaign import Outcome, campaign
from faults.sandbox import PATIENCE_S, Sandbox
from faulty_plugin import install_faulty

TARGETS = (("console",), ("supervisor",), ("runner",), ("console", "runner"), ("console", "supervisor", "runner"))
LEFT_S = 2.0
"""How long processes may stay after the console was killed."""


def kill_one(generator: random.Random, plugins: Path) -> Outcome:
    """Kill processes of one plan at some moment, and return what that led to."""
    targets, delay_s = generator.choice(TARGETS), generator.uniform(0.1, 3.5)
    with Sandbox(PYTHONPATH=str(plugins)) as sandbox:
        command = ["run", "store-only", "--backend", "null,daemonises", "--duration", "20s", "--clients", "2"]
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
        plugins.mkdir()
        install_faulty(plugins)
        for _ in range(count):
            yield kill_one(generator, plugins)


if __name__ == "__main__":
    campaign(__doc__ or "", 100, cases)
