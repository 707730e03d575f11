"""What a run is: its settings, their bounds, and the texts its clients add."""
