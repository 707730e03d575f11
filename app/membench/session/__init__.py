"""Running a plan: one process per repeat, its events, and the accumulator of its figures."""
