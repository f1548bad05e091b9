"""The end of a run: finished, cancelled, refused, given up."""
