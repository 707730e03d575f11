"""Results as text and files: headline, explanation, exports."""
