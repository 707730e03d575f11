"""The systems under test: memory backends, embedding strategies and vector stores.

This package never imports the instrument that measures it.
"""
