"""The dashboard: draws messages and records, and computes nothing that the engine computes."""
