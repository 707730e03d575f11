"""Whether anything uses the network, or leaves files outside the program's own folders.

Each command runs in a fresh home and in a network namespace that nothing gets out of (see `isolation.py`). The row of a
command counts the names it looked up, the addresses other than loopback it sent something to, and the stray files. The
environment asks every library to report, as a user's settings might. A run of each kind lasts longer than ten seconds,
after which ONNX Runtime would upload. The first row checks the check: it uses the network. Takes about 13 minutes.

python benchmarks/faults/no_network.py
python benchmarks/faults/no_network.py --cases 5 --seconds 2
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.terminal import Terminal
from faults.isolation import Traffic, isolated_command, outspoken, run_isolated, strays, traffic_in, why_unavailable
from faults.sandbox import COMMAND, PATIENCE_S, Sandbox
from membench_backends.embedding.models.architecture import TINY
from membench_backends.embedding.models.twin import build_twin
from membench_backends.embedding.strategies.catalogue import STRATEGIES
from membench_backends.registry import built_in
from membench_backends.stores.table import STORES

PROBE = "import socket; socket.socket().connect_ex((socket.gethostbyname('looked-up.example'), 80))"
FAILURES_SHOWN = 5
DASHBOARD_S = 4.0
RATES = "rates.json"
DASHBOARD_RUN = Path(__file__).parents[1] / "dashboard_run.py"
ENV = "/usr/bin/env"


class Case(NamedTuple):
    """A command to run in isolation."""

    name: str
    command: tuple[str | Path, ...]
    keys: bytes | None = None
    """What to press after a moment, in a terminal; None for a command without one."""


class Outcome(NamedTuple):
    """What a case did."""

    traffic: Traffic
    strays: list[Path]
    problem: str
    """The end of its output if it failed; empty if it did not."""

    @property
    def is_clean(self) -> bool:
        """Whether the case ran, sent nothing, and left nothing."""
        return not (any(self.traffic) or self.strays or self.problem)


def main() -> None:
    """Print a row per case, then the failures; exit with 1 if there are any, or if the check itself sees nothing."""
    options = _options()
    if reason := why_unavailable():
        sys.exit(f"cannot isolate anything: {reason}")
    with tempfile.TemporaryDirectory(prefix="membench-model-") as folder:
        cases = list(_cases(str(build_twin(TINY, Path(folder))), options.seconds))
        if options.cases:
            cases = random.Random(options.seed).sample(cases, min(options.cases, len(cases)))
        width = max(len(case.name) for case in cases)
        print(f"{'command':<{width}}  look-ups  sockets  stray files")
        check = _outcome(Case("(a program that uses the network)", (sys.executable, "-c", PROBE)))
        _print_row("(a program that uses the network)", check, width)
        outcomes = {}
        for case in cases:
            outcomes[case.name] = _outcome(case)
            _print_row(case.name, outcomes[case.name], width)
    failures = {name: outcome for name, outcome in outcomes.items() if not outcome.is_clean}
    print(f"{len(outcomes)} cases, {len(failures)} failures")
    for name, outcome in list(failures.items())[:FAILURES_SHOWN]:
        print(f"{name}: {outcome}")
    sys.exit(bool(failures) or not all(check.traffic))


def _cases(model: str, seconds: float) -> Iterator[Case]:
    """Yield every backend with each of its stores, every strategy, both precisions, and all other commands."""
    for backend, info in built_in().items():
        can = info.capabilities
        for store in STORES.values() if can.stores else (None,):
            clients = None if store is None or store.thread_safe else "1"
            name = store.name if store else None
            yield _run(seconds, backend=backend, store=name, model=model if can.embeds else None, clients=clients)
    for strategy, of_strategy in STRATEGIES.items():
        scenario = "batch-add" if of_strategy.needs_list else "steady-add"
        yield _run(seconds, scenario, backend="agentmem", strategy=strategy, model=model)
    for backend in ("mem0", "agentmem"):
        yield _run(seconds, backend=backend, precision="int8", model=model)
        yield _run(seconds, backend=backend, backend_option="history=together", model=model)
        yield _run(seconds, backend=backend, embedder="fixed")
    yield _run(seconds, backend="mem0", rate="20", model=model)
    for precision in ("fp32", "int8"):
        yield _command("limit", "--precision", precision, "--texts", "64", "--passes", "1", "--model", model)
    yield _command("models", "twin")
    for words in ("models", "list", "doctor", "history", "limit --list", "--version"):
        yield _command(*words.split())
    yield Case("the dashboard, left after a moment", (COMMAND,), keys=b"q")
    run_of_mem0 = ("--backend", "mem0", "--duration", f"{seconds:g}", "--rates", RATES)
    yield Case("the dashboard, with a run of mem0", (sys.executable, DASHBOARD_RUN, *run_of_mem0), keys=b"")


def _run(seconds: float, scenario: str = "steady-add", **options: str | None) -> Case:
    """Return a run; an option without a value is left out."""
    pairs = ((f"--{name.replace('_', '-')}", value) for name, value in options.items() if value is not None)
    return _command("run", scenario, *(word for pair in pairs for word in pair), "--duration", f"{seconds:g}s")


def _command(*words: str) -> Case:
    shown = ("MODEL" if before == "--model" else word for before, word in zip(("", *words), words, strict=False))
    return Case(" ".join(shown), (COMMAND, *words))


def _outcome(case: Case) -> Outcome:
    with Sandbox() as sandbox:
        environment = outspoken(sandbox.environment, sandbox.root / "cache")
        if case.keys is not None:
            return _outcome_at_terminal(case, case.keys, sandbox, environment)
        done = run_isolated(case.command, environment, PATIENCE_S, sandbox.work)
        return Outcome(done.traffic, strays(sandbox.root), done.output[-500:] if done.returncode else "")


def _outcome_at_terminal(case: Case, keys: bytes, sandbox: Sandbox, environment: Mapping[str, str]) -> Outcome:
    log, problem = sandbox.work / "traffic", ""
    variables = (f"{name}={value}" for name, value in environment.items())
    command = (ENV, "-i", "-C", sandbox.work, *variables, *case.command)
    with Terminal([ENV, *isolated_command(log, command)]) as terminal:
        try:
            terminal.read_for(DASHBOARD_S)
            terminal.press(keys)
            terminal.read_until_exit()
        except SystemExit as error:
            problem = str(error)
    traffic = traffic_in(log)
    for own in (log, sandbox.work / RATES):
        own.unlink(missing_ok=True)
    return Outcome(traffic, strays(sandbox.root), problem)


def _print_row(name: str, outcome: Outcome, width: int) -> None:
    counts = (len(outcome.traffic.look_ups), len(outcome.traffic.packets), len(outcome.strays))
    failed = "  failed" if outcome.problem else ""
    print(f"{name:<{width}}  {counts[0]:>8}  {counts[1]:>7}  {counts[2]:>11}{failed}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=13.0, help="measured seconds of each run")
    parser.add_argument("--cases", type=int, help="try this many, drawn at random; all by default")
    parser.add_argument("--seed", type=int, default=1, help="of the draw")
    return parser.parse_args()


if __name__ == "__main__":
    main()
