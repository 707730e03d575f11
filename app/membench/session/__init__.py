"""Running a plan: one process per run, its events, and the accumulator of its figures."""
