"""Plan: the form that chooses what to run."""
