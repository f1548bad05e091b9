"""Files as people have them: tickets in, rows out. No network, no flow."""
