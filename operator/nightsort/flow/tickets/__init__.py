"""The tickets of a run: read, kept for retries, sampled, and bound to their place."""
