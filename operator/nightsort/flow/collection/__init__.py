"""Polls batches and turns the answers of an ended one into rows."""
