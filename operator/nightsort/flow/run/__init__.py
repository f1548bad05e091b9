"""One resource under work: its record, its scratch space, what is measured of it."""
