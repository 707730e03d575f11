"""Messages between the console and a runner, and their encoding."""
