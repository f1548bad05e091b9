"""Where credentials and database URLs come from."""
