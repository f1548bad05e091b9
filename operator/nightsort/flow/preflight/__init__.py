"""All checks before anything is bought."""
