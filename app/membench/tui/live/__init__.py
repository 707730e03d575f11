"""Live: charts of the run in progress."""
