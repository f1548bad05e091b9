"""One resource in work: its record, its scratch space, and its metrics."""
