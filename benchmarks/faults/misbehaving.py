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
sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "app" / "faulty"))

from faults.campaign import Outcome, campaign
from faults.sandbox import Sandbox
from faulty_plugin import install_faulty

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
        command = ["run", "store-only", "--backend", "misbehaves,null", "--items", "300", "--clients", "2"]
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
        plugins = installed.root / "plugins"
        plugins.mkdir()
        install_faulty(plugins)
        chosen = list(islice(product(ACTS, PLACES), count))
        generator.shuffle(chosen)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            yield from pool.map(lambda case: misbehave(plugins, *case), chosen)


if __name__ == "__main__":
    campaign(__doc__ or "", 50, cases)
