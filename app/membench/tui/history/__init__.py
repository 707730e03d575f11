"""History: every run kept on this machine."""
