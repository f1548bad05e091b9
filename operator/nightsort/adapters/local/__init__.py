"""Local mode: files and the environment in place of the API server."""
