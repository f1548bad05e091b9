"""The tickets of a run: read, kept for retries, sampled, held to their place."""
