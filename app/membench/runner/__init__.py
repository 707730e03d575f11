"""The measured process. It contains no UI, so that nothing competes with the system under test."""
