"""Text to vectors: strategies, engines, models, and the limit of a machine."""
