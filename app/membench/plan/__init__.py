"""What to run: scenarios, the matrix of choices, presets."""
