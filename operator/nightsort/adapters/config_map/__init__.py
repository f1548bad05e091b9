"""Tickets and rows in ConfigMaps, of the cluster or of local mode."""
