"""What the campaigns share: how a case is judged, counted and reported."""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterable
from typing import NamedTuple

LINE_MAX = 300
"""Most characters of an error message."""
SHOWN_MAX = 10
"""Failures that are printed."""


class Outcome(NamedTuple):
    """What a case led to."""

    case: str
    """The case in a few words; the seed and its number make it again."""
    code: int
    err: str
    left_behind: str = ""
    """What is in the folder for temporary files afterwards."""


def problem_of(outcome: Outcome, allowed: Iterable[int] = (0, 2)) -> str:
    """Return what is wrong with an outcome; empty if nothing is."""
    lines = [line for line in outcome.err.splitlines() if line.startswith("membench-tui: ")]
    if "Traceback" in outcome.err or "; the log is " in outcome.err:
        return "a traceback"
    if outcome.code not in allowed:
        return f"exit code {outcome.code}"
    if outcome.code == 2 and (len(outcome.err.splitlines()) != 1 or len(lines) != 1):
        return "the error is not one line"
    if any(len(line) > LINE_MAX for line in lines):
        return "the error is too long"
    return f"left behind: {outcome.left_behind}" if outcome.left_behind else ""


def campaign(description: str, cases: int, run: Callable[[random.Random, int], Iterable[Outcome]]) -> None:
    """Run the cases of a campaign, print the counts and the first failures, and exit with 1 if any failed.

    Args:
        description: The docstring of the script.
        cases: The cases unless `--cases` says otherwise.
        run: Yields the outcomes of a number of cases, whose source of chance is given.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=cases)
    options = parser.parse_args()
    done = refused = failed = 0
    for outcome in run(random.Random(options.seed), options.cases):
        done, refused = done + 1, refused + (outcome.code == 2)
        if problem := problem_of(outcome):
            failed += 1
            if failed <= SHOWN_MAX:
                print(
                    f"FAILED {problem}: {outcome.case[:300]}\n   exit code {outcome.code}: {outcome.err[-500:]!r}",
                    flush=True,
                )
    print(f"{done:,} cases, {refused:,} refused with exit code 2, {failed:,} failures (seed {options.seed})")
    sys.exit(failed > 0)
