"""What is stored about runs: record, history, limits, latency histogram."""
