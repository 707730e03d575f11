"""What executes an embedding model: one module per engine."""
