"""The measured process. No screen, no charts: nothing in here competes with what is measured."""
