"""Whether each planted cause is diagnosed correctly: alone, next to two busy processes, on one core, under a CPU quota.

python benchmarks/planted_causes.py
python benchmarks/planted_causes.py --case waiting --case nested --times 3 --only busy
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "app" / "planted"))

from cases import CASES, Case, busy_processes, install, is_correct, one_core, quota_of_one_core
from common.runs import run_headless
from membench.plan.matrix import Plan, make_plan
from membench.plan.options import Choice
from membench.plan.scenarios import load_catalogue
from membench.report.wording import COMMAND_LINE


class Condition(NamedTuple):
    """What the runs meet."""

    meet: Callable[[], AbstractContextManager[None]]
    expected: Callable[[Case], tuple[str, ...]]
    """Returns the correct verdicts of a case."""


CONDITIONS = {
    "alone": Condition(nullcontext, lambda case: case.alone),
    "busy": Condition(busy_processes, lambda case: case.busy),
    "one_core": Condition(one_core, lambda case: case.one_core),
    "quota": Condition(quota_of_one_core, lambda case: case.one_core),
}


def main() -> None:
    """Print a row per case with the correct verdicts under each condition, and the wrong ones with their evidence."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        install(Path(folder))
        _provide(folder)
        wrong = 0
        print(f"{'case':<26}" + "".join(f"{condition:>12}" for condition in options.only))
        for case in CASES:
            if options.case and case.backend not in options.case:
                continue
            results = {condition: _correct(case, condition, Path(folder), options) for condition in options.only}
            print(f"{case.backend:<26}" + "".join(f"{right:>8} of {options.times}" for right in results.values()))
            wrong += sum(options.times - right for right in results.values())
    sys.exit(bool(wrong))


def _provide(folder: str) -> None:
    """Make the planted backends known to this process, and to those that it starts."""
    import os

    sys.path.insert(0, folder)
    os.environ["PYTHONPATH"] = os.pathsep.join([folder, *filter(None, [os.environ.get("PYTHONPATH")])])


def _correct(case: Case, condition: str, folder: Path, options: argparse.Namespace) -> int:
    outcomes: Counter[bool] = Counter()
    with CONDITIONS[condition].meet():
        for _ in range(options.times):
            record = run_headless(_plan(case, folder))
            is_right = is_correct(case, CONDITIONS[condition].expected(case), record)
            outcomes[is_right] += 1
            if not is_right or options.verbose:
                print(f"  {case.backend}, {condition}: {record.verdict or record.error}", file=sys.stderr)
                print(f"    {'; '.join(COMMAND_LINE.evidence(record))}", file=sys.stderr, flush=True)
    return outcomes[True]


def _plan(case: Case, folder: Path) -> Plan:
    choice = Choice(scenarios=("planted",), backends=(case.backend,), clients=(case.clients,))
    return make_plan(choice, load_catalogue(folder / "planted.toml"))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--case", action="append", choices=[case.backend for case in CASES], help="repeatable")
    parser.add_argument("--times", type=int, default=5, help="runs of each case under each condition")
    parser.add_argument("--only", action="append", choices=list(CONDITIONS), help="repeatable; default: all")
    parser.add_argument("--verbose", action="store_true", help="print the evidence of every run")
    options = parser.parse_args()
    options.only = options.only or list(CONDITIONS)
    return options


if __name__ == "__main__":
    main()
