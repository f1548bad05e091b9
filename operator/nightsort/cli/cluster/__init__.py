"""The work of commands in a cluster."""
