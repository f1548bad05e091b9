"""Sorts support tickets into categories overnight, at the price of a batch."""

__version__ = "0.1.0"
