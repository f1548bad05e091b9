"""Tickets and rows in ConfigMaps, wherever these are kept."""
