"""Tickets in the resource itself."""
