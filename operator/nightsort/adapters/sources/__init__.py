"""Where tickets come from."""
