"""Checks the cost of a purchase against the limits."""
