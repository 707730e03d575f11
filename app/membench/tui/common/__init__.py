"""What the places of the dashboard share."""
