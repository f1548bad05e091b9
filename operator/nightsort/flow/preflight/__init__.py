"""Everything that is looked at before anything is bought."""
