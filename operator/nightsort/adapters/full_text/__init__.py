"""Likeness of texts, by an index of their words."""
