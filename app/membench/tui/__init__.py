"""The dashboard: draws messages and records, and computes nothing that the engine computes."""

import os

# Textual draws what a key has changed at the end of a frame; half as long a frame, half as long a wait.
# It draws no more often for that: most frames have nothing new.
os.environ.setdefault("TEXTUAL_FPS", "120")
