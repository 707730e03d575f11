"""The systems under test: memory backends, embedding strategies and vector stores.

Nothing in here knows the instrument that measures it.
"""
