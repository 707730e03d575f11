"""Fifty misbehaving backends: each fails only its own run, in the right way, and leaves nothing behind.

python benchmarks/faults/misbehaving.py [--cases 50] [--seed 1]

Ten things that a library can do to its process, at five places: while it is built, in the warm-up, in an operation,
while its memories are read back, and while it is closed. A run of a sound backend follows each, and must go well.
About 6 minutes on 2 cores: hanging while loading or reading back takes two minutes to be noticed, and four cases run
at the same time.
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.campaign import Outcome, campaign
from faults.sandbox import Sandbox

PLUGIN = """\
import ctypes, os, signal, sys, threading, time
from membench_backends.base import BackendInfo, Capabilities

PLACE, ACT = os.environ["MISBEHAVES_AT"], os.environ["MISBEHAVES"]

def fork_and_hang():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while True:
                time.sleep(60)
        os._exit(0)

ACTS = {
    "raises": lambda: 1 / 0,
    "exits": lambda: sys.exit("enough"),
    "ends": lambda: os._exit(3),
    "kills": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "crashes": lambda: ctypes.string_at(0),
    "hangs": lambda: threading.Event().wait(),
    "holds-gil": lambda: ctypes.PyDLL(None).sleep(1000),
    "closes": lambda: os.closerange(0, 256),
    "forks": fork_and_hang,
    "floods": lambda: [print("x" * 1_000_000, flush=True) for _ in range(200)],
}

class Misbehaving:
    def __init__(self, parts):
        self._memories, self._acted = [], False
        self.act("build")
    def act(self, place):
        if place == PLACE and not self._acted:
            self._acted = True
            ACTS[ACT]()
    def add(self, text, user_id):
        self.act("warm-up" if user_id == "warm-up" else "add")
        self._memories.append((text, [1.0] + [0.0] * 383, user_id))
        time.sleep(0.001)
    def add_batch(self, texts, user_id):
        for text in texts:
            self.add(text, user_id)
    def stored(self):
        self.act("stored")
        return iter(self._memories)
    def close(self):
        self.act("close")

INFO = BackendInfo("misbehaving", "Misbehaves.", Capabilities(embeds=False, stores=True, batch_call=True), Misbehaving)
"""
ENTRY_POINT = "[membench.backends]\nmisbehaving = misbehaving_backend:INFO\n"
PLACES = ("build", "warm-up", "add", "stored", "close")
ACTS = ("raises", "exits", "ends", "kills", "crashes", "hangs", "holds-gil", "closes", "forks", "floods")
HARMLESS = {("forks", place) for place in PLACES} | {("floods", place) for place in PLACES}
HARMLESS |= {(act, "close") for act in ACTS}
"""What does not change the measurement: the run is good. Whatever happens once the results are known is too late."""
AT_ONCE = 4
"""Cases that run at the same time; most of them wait."""
LOG_MAX = 10_000_000
PATIENCE_S = 300.0


def misbehave(plugins: Path, act: str, place: str) -> Outcome:
    """Run one misbehaving backend and a sound one, and return what that led to."""
    with Sandbox(PYTHONPATH=str(plugins), MISBEHAVES=act, MISBEHAVES_AT=place) as sandbox:
        command = ["run", "store-only", "--backend", "misbehaving,null", "--items", "300", "--clients", "2"]
        done = sandbox.run([*command, "--timeout", "3s"], timeout=PATIENCE_S)
        err = done.stderr.decode(errors="replace")
        outcomes = re.findall(r"^\[\d/2\] (\S+) ", err, re.MULTILINE)
        wrong = [str(left) for left in (*sandbox.processes(), *sandbox.leftovers())]
        wrong += [f"{log} is too large" for log in sandbox.root.rglob("*.log") if log.stat().st_size > LOG_MAX]
        if len(outcomes) != 2 or outcomes[1] != "✓" or (outcomes[0] == "✓") != is_good(act, place):
            wrong.append(f"the runs ended {outcomes}")
        if done.returncode != (0 if outcomes[:1] == ["✓"] else 1):
            wrong.append(f"exit code {done.returncode} for {outcomes}")
        return Outcome(f"{act} at {place}", 0, err, "; ".join(wrong))


def is_good(act: str, place: str) -> bool:
    """Return whether a run in which this happens is still good."""
    # A failure in the warm-up is logged, and the measurement follows; one operation of 300 may fail.
    return (act, place) in {*HARMLESS, ("raises", "warm-up"), ("exits", "warm-up"), ("raises", "add")}


def cases(generator: random.Random, count: int) -> Iterator[Outcome]:
    """Yield the outcome of each case."""
    with Sandbox() as installed:
        information = installed.root / "plugins" / "misbehaving-1.0.dist-info"
        information.mkdir(parents=True)
        (information / "entry_points.txt").write_text(ENTRY_POINT)
        (information / "METADATA").write_text("Metadata-Version: 2.1\nName: misbehaving\nVersion: 1.0\n")
        (information.parent / "misbehaving_backend.py").write_text(PLUGIN)
        chosen = list(islice(product(ACTS, PLACES), count))
        generator.shuffle(chosen)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            yield from pool.map(lambda case: misbehave(information.parent, *case), chosen)


if __name__ == "__main__":
    campaign(__doc__ or "", 50, cases)
