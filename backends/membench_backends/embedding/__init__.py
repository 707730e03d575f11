"""Text into vectors: the model, its speed twin, and the strategies by which concurrent callers share it."""
