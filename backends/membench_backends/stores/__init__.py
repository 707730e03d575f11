"""The vector stores that a memory system can run on: one module per store."""
