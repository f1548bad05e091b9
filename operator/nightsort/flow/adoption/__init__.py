"""Finds what an intent bought when the create's answer was lost."""
