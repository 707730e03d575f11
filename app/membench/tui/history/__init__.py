"""History: every run stored on this machine."""
