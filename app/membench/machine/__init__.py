"""The machine that runs are measured on: its facts, and checks for what distorts a benchmark."""
