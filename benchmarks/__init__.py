"""Measures Nightsort beside the floor and the naive script, in one run: `make bench`."""
