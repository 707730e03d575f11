"""The systems under test: one module per memory system, and the single-stage backends."""
