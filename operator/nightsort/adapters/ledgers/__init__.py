"""Where the record of a run is kept."""
