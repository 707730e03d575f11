"""Run one steady-add plan in the dashboard.

`observer.py` and `ui.py` start this script in a pseudo-terminal.

    python benchmarks/dashboard_run.py --strategy mutex --duration 30
"""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from common.runs import rates_of, steady_add_plan
from membench.plan.scenarios import load_catalogue
from membench.settings import DEFAULT_FPS, Config
from membench.tui.app import Dashboard


def main() -> None:
    """Run the plan in the dashboard, and write its rates if a file is named."""
    options = _options()
    app = Dashboard(
        load_catalogue(),
        config=Config(fps=options.fps, quiet=options.quiet),
        autorun=steady_add_plan(options.backend, options.strategy, options.duration, clients=options.clients),
        leave_at_end=options.rates is not None,
    )
    app.run()
    app.runs.close()
    if options.rates:
        records = [run.record for run in app.finished if run.record]
        options.rates.write_bytes(msgspec.json.encode(rates_of(records[0])))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--backend", default="agentmem")
    parser.add_argument("--strategy", default="shared")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--duration", type=float, default=10.0, help="measured seconds")
    parser.add_argument("--fps", type=float, default=DEFAULT_FPS, help="redraws per second")
    parser.add_argument("--quiet", action="store_true", help="draw only the elapsed time")
    parser.add_argument("--rates", type=Path, help="write the run's rates to this file, and exit when the run ends")
    return parser.parse_args()


if __name__ == "__main__":
    main()
