"""Signals at every moment: the dashboard restores its terminal, and a second signal loses nothing.

python benchmarks/faults/signals.py [--early 200] [--double 40] [--seed 1]

`early`: a signal in the first 600 ms of the dashboard, in a terminal of its own. It must end with exit code 130, or by
the signal itself before Python has started; leave the alternate screen if it entered it; restore the terminal's
settings; and print no traceback. `double`: two signals during a run. It must end with exit code 130, and the run is
partial in the file and in the history. About 7 minutes on 2 cores.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import random
import re
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.sandbox import COMMAND, PATIENCE_S, Sandbox

EARLY_S = 0.6
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ENTERED, LEFT = b"\x1b[?1049h", b"\x1b[?1049l"


def early(generator: random.Random, sandbox: Sandbox) -> str:
    """Send one early signal to the dashboard. Return what is wrong; empty if nothing is."""
    number, delay_s = generator.choice(SIGNALS), generator.uniform(0, EARLY_S)
    terminal, other_end = pty.openpty()
    before = termios.tcgetattr(other_end)
    process = subprocess.Popen(
        [COMMAND],
        stdin=other_end,
        stdout=other_end,
        stderr=other_end,
        cwd=sandbox.work,
        env=sandbox.environment,
        start_new_session=True,
    )
    try:
        shown = _read(terminal, process, delay_s)
        process.send_signal(number)
        shown += _read(terminal, process, PATIENCE_S)
        after = termios.tcgetattr(other_end)
        return _early_problem(process.poll(), number, shown, before == after, f"{number.name} after {delay_s:.3f} s")
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
        os.close(other_end)


def _early_problem(code: int | None, number: int, shown: bytes, is_restored: bool, case: str) -> str:
    if code is None:
        return f"{case}: did not end"
    if b"Traceback" in shown and not _is_before_main(shown):
        return f"{case}: traceback: {shown[-300:]!r}"
    if ENTERED in shown and LEFT not in shown.rpartition(ENTERED)[2]:
        return f"{case}: the alternate screen stays"
    if not is_restored:
        return f"{case}: the settings of the terminal stay changed"
    if code != 130 and not (code == -number and ENTERED not in shown) and not _is_before_main(shown):
        return f"{case}: exit code {code}"
    return ""


def _is_before_main(shown: bytes) -> bool:
    """Return whether a signal arrived while Python itself started, or read the command's first lines."""
    return re.search(rb"File \"[^\"]*membench/(?!__main__|interrupts|__init__)", shown) is None and b"File" in shown


def _read(terminal: int, process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """Return what the terminal displays in some seconds, or until the process ends."""
    shown, until = b"", time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if select.select([terminal], [], [], min(left, 0.02))[0]:
            shown += os.read(terminal, 1 << 16)
        elif process.poll() is not None:
            break
    return shown


def double(generator: random.Random, sandbox: Sandbox) -> str:
    """Send two signals to a run. Return what is wrong; empty if nothing is."""
    numbers = [generator.choice(SIGNALS) for _ in range(2)]
    path = sandbox.work / f"{generator.getrandbits(64):x}.json"
    process = sandbox.start(
        ["run", "store-only", "--backend", "qdrant", "--duration", "60s", "--json", str(path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    time.sleep(generator.uniform(2.0, 4.0))  # loaded, and measuring
    gap_s = generator.choice((0.0, 0.001, 0.01, 0.1, 0.3, 1.0))
    case = f"{'+'.join(number.name for number in numbers)}, {gap_s} s apart"
    process.send_signal(numbers[0])
    time.sleep(gap_s)
    process.send_signal(numbers[1])
    try:
        out, err = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return f"{case}: did not end"
    if process.returncode != 130 or b"Traceback" in out + err:
        return f"{case}: exit code {process.returncode}: {err[-300:]!r}"
    try:
        statuses = [run["status"] for run in json.loads(path.read_text())["runs"]]
    except (OSError, ValueError) as error:
        return f"{case}: {error}"
    stored = sandbox.run(["history", "--limit", "1"]).stdout.decode()
    if statuses != ["partial"] or "partial" not in stored:
        return f"{case}: the file has {statuses}, the history {stored!r}"
    left = [str(process) for process in sandbox.processes()] + [str(path) for path in sandbox.leftovers()]
    return f"{case}: left {left}" if left else ""


def main() -> int:
    """Run both kinds of cases, and print the counts. Return 1 if any failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--early", type=int, default=200)
    parser.add_argument("--double", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    failures = 0
    for name, case, count in (("early", early, options.early), ("double", double, options.double)):
        generator = random.Random(f"{options.seed} {name}")
        with Sandbox() as sandbox:
            problems = [problem for _ in range(count) if (problem := case(generator, sandbox))]
        print(f"{name}: {count} cases, {len(problems)} failures", flush=True)
        print("".join(f"  {problem}\n" for problem in problems[:10]), end="", file=sys.stderr)
        failures += len(problems)
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
