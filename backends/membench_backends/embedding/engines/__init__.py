"""Engines, which execute an embedding model: one module per engine."""
