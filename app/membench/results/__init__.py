"""What is kept of a run: its record, and the files that records are written to."""
