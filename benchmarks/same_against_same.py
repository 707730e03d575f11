"""Whether intervals tell chance from a difference: a run compared with itself, over and over.

Each comparison is a plan of two runs that are alike, with alternating repeats. At 95 %, one interval in twenty excludes
a ratio of 1 by chance.

    python benchmarks/same_against_same.py
    python benchmarks/same_against_same.py --comparisons 20 --repeats 3 --strategy mutex --duration 1
"""

from __future__ import annotations

import argparse
import uuid

import msgspec

from common.runs import run_all, steady_add_plan
from membench.analysis.comparison import Ratio, compare
from membench.analysis.statistics import CONFIDENCE, REPEATS_MIN


def main() -> None:
    """Print an interval per comparison, and how many exclude 1."""
    options = _options()
    excluded = 0
    for number in range(1, options.comparisons + 1):
        ratio = _against_itself(options)
        excluded += ratio.includes_1 is False
        mark = "" if ratio.includes_1 else "   excludes 1"
        print(f"{number:3}: {ratio.value:.3f} ({ratio.low:.3f} to {ratio.high:.3f}){mark}", flush=True)
    expected = options.comparisons * (1 - CONFIDENCE)
    print(f"{excluded} of {options.comparisons} intervals exclude 1; {expected:.2g} are expected by chance")


def _against_itself(options: argparse.Namespace) -> Ratio:
    plan = steady_add_plan("agentmem", options.strategy, options.duration, clients=options.clients)
    (run,) = plan.runs
    runs = tuple(msgspec.structs.replace(run, run_id=uuid.uuid4().hex[:12], repeats=options.repeats) for _ in range(2))
    one, other = run_all(msgspec.structs.replace(plan, runs=runs))
    ratio = compare(one, other)
    assert ratio and ratio.low is not None, "every repeat of a run of this plan has a rate"
    return ratio


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comparisons", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=REPEATS_MIN)
    parser.add_argument("--strategy", default="shared")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--duration", type=float, default=1.0, help="seconds to measure in each repeat")
    return parser.parse_args()


if __name__ == "__main__":
    main()
