"""The machine that runs are measured on: facts, and checks for what spoils a benchmark."""
