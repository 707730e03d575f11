"""Embedding: strategies, engines, models, and the limit of a machine."""
