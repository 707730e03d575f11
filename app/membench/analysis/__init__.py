"""Pure functions of results: no processes, no screens, no files."""
