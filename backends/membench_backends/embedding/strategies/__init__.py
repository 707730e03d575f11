"""How concurrent callers share an embedding model: one module per strategy."""
