"""Results: the finished runs, compared."""
