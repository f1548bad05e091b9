"""What answers mean, and where rows go."""
